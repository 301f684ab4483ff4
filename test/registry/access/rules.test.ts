import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Caller } from '../../../src/registry/access/callers.ts'
import { ANONYMOUS } from '../../../src/registry/access/callers.ts'
import type { Action, Rule, Who } from '../../../src/registry/access/rules.ts'
import { parseRepositoryPattern, rightsOf } from '../../../src/registry/access/rules.ts'

test.for<[string, string, boolean]>([
  ['team/app', 'team/app', true],
  ['team/app', 'team/app2', false],
  ['team/*', 'team/app', true],
  ['team/*', 'team/app/x', false],
  ['team/*', 'team', false],
  ['team/**', 'team/app/x', true],
  ['**', 'a/b/c', true],
  ['*', 'a/b', false],
  ['*/app-*', 'x/app-1', true],
  ['a.b', 'a.b', true],
  ['a.b', 'axb', false],
  ['**/cache', 'a/b/cache', true],
])('the pattern %s against %s is %s', ([pattern, name, matches]) => {
  expect(parseRepositoryPattern(pattern)?.expression.test(name)).toBe(matches)
})

test.for(['', '/a', 'a/', 'a//b', 'Team', '***', 'a b', 'a\n', '(x)', 'a%2f'])('%j is no pattern', (text) => {
  expect(parseRepositoryPattern(text)).toBeUndefined()
})

test('a hostile name does not make a pattern slow', () => {
  const pattern = parseRepositoryPattern('**a**a**a**a**a**a**b')
  const started = performance.now()
  expect(pattern?.expression.test('a'.repeat(255))).toBe(false)
  expect(performance.now() - started).toBeLessThan(100)
})

const alice: Caller = { kind: 'user', name: 'alice', stamp: '' }
const reader: Caller = { kind: 'account', name: 'dash', role: 'reader', stamp: '' }
const operator: Caller = { kind: 'account', name: 'ops', role: 'operator', stamp: '' }
const job: Caller = { kind: 'job', name: 'j1', repositories: ['os/debian'], stamp: '' }

function rule(repositories: string, who: Who, ...allow: Action[]): Rule {
  const pattern = parseRepositoryPattern(repositories)
  if (pattern === undefined) throw new Error(`no pattern: ${repositories}`)
  return { repositories: [pattern], who: [who], allow }
}

const OPEN = rule('**', 'anonymous', 'pull')

test.for<[string, readonly Rule[], Caller, string, readonly Action[]]>([
  ['without rules nobody may anything', [], ANONYMOUS, 'a', []],
  ['without rules a user may nothing', [], alice, 'a', []],
  ['without rules a reader pulls', [], reader, 'a', ['pull']],
  ['without rules an operator does everything', [], operator, 'a', ['pull', 'push', 'delete']],
  ['without rules a job pulls what its recipe names', [], job, 'os/debian', ['pull']],
  ['without rules a job gets nothing else', [], job, 'os/other', []],
  ['what is open is open to users', [OPEN], alice, 'a', ['pull']],
  ['what is open is not open to a job', [OPEN], job, 'a', []],
  ['rights add up', [OPEN, rule('a', 'user:alice', 'push')], alice, 'a', ['pull', 'push']],
  ['a user gets no other user’s rights', [rule('a', 'user:bob', 'push')], alice, 'a', []],
  ['everybody with a login', [rule('a', 'authenticated', 'push')], alice, 'a', ['push']],
  ['nobody without one', [rule('a', 'authenticated', 'push')], ANONYMOUS, 'a', []],
  ['a job has no login', [rule('os/debian', 'authenticated', 'push')], job, 'os/debian', ['pull']],
  ['a named role has what the rules say', [rule('a/*', 'role:operator', 'pull')], operator, 'b', []],
  ['other roles keep theirs', [rule('a/*', 'role:operator', 'pull')], reader, 'b', ['pull']],
  ['a rule for jobs narrows them', [rule('tools/**', 'job', 'pull')], job, 'os/debian', []],
  ['a rule for jobs does not widen them', [rule('**', 'job', 'pull')], job, 'tools/x', []],
  ['a rule for jobs that covers the recipe', [rule('os/**', 'job', 'pull')], job, 'os/debian', ['pull']],
])('%s', ([, rules, caller, repository, actions]) => {
  expect([...rightsOf(rules, caller, repository)].toSorted()).toEqual(actions.toSorted())
})

test('one more rule never takes a right from a user or from nobody, and never gives a job more than a pull', () => {
  const someRule = fc.record({
    repository: fc.constantFrom('**', 'a', 'a/*', 'a/**', 'os/debian'),
    who: fc.constantFrom<Who>('anonymous', 'authenticated', 'job', 'user:alice', 'role:reader'),
    allow: fc.subarray<Action>(['pull', 'push', 'delete'], { minLength: 1 }),
  })
  const rules = fc.array(someRule.map(({ repository, who, allow }) => rule(repository, who, ...allow)))
  const name = fc.constantFrom('a', 'a/b', 'a/b/c', 'os/debian')
  fc.assert(
    fc.property(rules, rules, name, (some, more, repository) => {
      for (const caller of [alice, ANONYMOUS]) {
        const before = rightsOf(some, caller, repository)
        expect(before.isSubsetOf(rightsOf([...some, ...more], caller, repository))).toBe(true)
      }
      expect(rightsOf(some, job, repository).isSubsetOf(new Set(['pull']))).toBe(true)
      if (repository !== 'os/debian') expect(rightsOf(some, job, repository).size).toBe(0)
    }),
  )
})
