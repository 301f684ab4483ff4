import { expect, test } from 'vitest'
import { parsePolicyText } from '../../src/registry/policy.ts'
import type { AppError } from '../../src/shared/errors.ts'

function problemsOf(source: string): string[] {
  try {
    parsePolicyText(source)
    return []
  } catch (error) {
    return (error as AppError).problems.map(({ path, message }) => `${path} ${message}`)
  }
}

test('a whole policy is read, as YAML and as JSON', () => {
  const source = `
htpasswd: users.htpasswd
scheme: bearer
public_url: https://registry.example:5000
token_lifetime: 10m
rules:
  - repositories: ['**']
    who: [anonymous]
    allow: [pull]
  - repositories: [team-a/**, shared/base]
    who: ['user:alice', 'role:operator', authenticated]
    allow: [pull, push, delete]
quotas:
  - prefix: team-a
    bytes: 200GiB
  - prefix: ''
    bytes: 2TiB
limits:
  downloads: 200
  uploads_per_client: 6
`
  const policy = parsePolicyText(source)
  expect(policy).toMatchObject({
    htpasswd: 'users.htpasswd',
    scheme: 'bearer',
    token_lifetime: 600,
    quotas: [
      { prefix: 'team-a', bytes: 200 * 2 ** 30 },
      { prefix: '', bytes: 2 * 2 ** 40 },
    ],
    limits: { downloads: 200, downloads_per_client: undefined, uploads_per_client: 6 },
  })
  expect(policy.rules?.[1]?.who).toEqual(['user:alice', 'role:operator', 'authenticated'])
  expect(parsePolicyText('{"rules":[{"repositories":["a"],"who":["anonymous"],"allow":["pull"]}]}').rules).toHaveLength(
    1,
  )
})

test('an empty policy is the built-in one', () => {
  for (const source of ['', '{}', '# nothing yet\n']) {
    expect(parsePolicyText(source)).toMatchObject({ rules: undefined, quotas: [], scheme: 'auto', token_lifetime: 300 })
  }
})

test('every problem is told at once, with its place', () => {
  const problems = problemsOf(`
ruels: []
scheme: digest
token_lifetime: 30s
public_url: https://h/path
rules:
  - repositories: [Team]
    who: [everybody]
    allow: [pull, write]
  - who: [job]
    repositories: ['**']
    allow: [push]
  - repositories: []
    who: [anonymous]
quotas:
  - prefix: a/
    bytes: lots
limits:
  downloads: 0
`)
  expect(problems.map((text) => text.split(' ')[0]).toSorted()).toEqual(
    [
      '/limits/downloads',
      '/public_url',
      '/quotas/0/bytes',
      '/quotas/0/prefix',
      '/ruels',
      '/rules/0/allow/1',
      '/rules/0/repositories/0',
      '/rules/0/who/0',
      '/rules/1',
      '/rules/2/allow',
      '/rules/2/repositories',
      '/scheme',
      '/token_lifetime',
    ].toSorted(),
  )
})

test.for(['rules: [', 'a: 1\na: 2', '[]', '"text"', '&a [*a]'])('%j is refused', (source) => {
  expect(() => parsePolicyText(source)).toThrow('Cannot')
})

test('names of the object prototype are no fields', () => {
  expect(problemsOf('{"__proto__": {"rules": []}, "constructor": 1}').length).toBeGreaterThan(0)
})
