import { expect, test } from 'vitest'
import { parseRepositoryPattern } from '../../src/registry/access/rules.ts'
import { parsePolicyText } from '../../src/registry/policy.ts'
import { parseTagPattern, retentionOf } from '../../src/registry/retention.ts'
import { sha256 } from '../../src/shared/digest.ts'

const NOW = new Date('2026-06-01T00:00:00Z')
const DAY = 86_400_000

/** Tags by their age in days. */
function tags(ages: Readonly<Record<string, number>>) {
  return Object.entries(ages).map(([name, days]) => ({
    name,
    digest: sha256(name),
    updatedAt: new Date(NOW.getTime() - days * DAY),
  }))
}

const AGES = { v1: 40, v2: 30, v3: 20, v4: 1, latest: 50, [`sha256-${'a'.repeat(64)}.sig`]: 90 }

test.for<[name: string, policy: string, expired: string[]]>([
  ['no rule keeps all', '{}', []],
  ['the newest stay', '{retention: [{repositories: ["**"], tags: ["v*"], keep_last: 2}]}', ['v2', 'v1']],
  ['the young stay', '{retention: [{repositories: ["os/*"], keep_within: 25d}]}', ['v2', 'v1', 'latest']],
  ['either keeps', '{retention: [{repositories: ["**"], keep_last: 1, keep_within: 25d}]}', ['v2', 'v1', 'latest']],
  [
    'the first rule decides, and one that says nothing keeps',
    '{retention: [{repositories: ["**"], tags: [latest]}, {repositories: ["**"], keep_last: 3}]}',
    ['v1'],
  ],
  ['another repository', '{retention: [{repositories: ["tools/**"], keep_last: 1}]}', []],
  [
    'what is immutable stays',
    '{retention: [{repositories: ["**"], keep_last: 1}], immutable_tags: [{repositories: ["**"], tags: ["v*"]}]}',
    [],
  ],
])('%s', ([, policy, expired]) => {
  const found = retentionOf(parsePolicyText(policy), 'os/debian').expired(tags(AGES), NOW)
  expect(found.map(({ name }) => name)).toEqual(expired)
})

test('a tag that belongs to a subject is never expired by itself', () => {
  const policy = parsePolicyText('{retention: [{repositories: ["**"], keep_within: 1s}]}')
  const found = retentionOf(policy, 'a').expired(tags(AGES), NOW)
  expect(found.map(({ name }) => name)).toEqual(['v4', 'v3', 'v2', 'v1', 'latest'])
})

test.for(['', 'a b', '**', '/', 'a*'.repeat(7)])('"%s" is no tag pattern', (text) => {
  expect(parseTagPattern(text)).toBeUndefined()
})

test('a policy with a wrong retention names every problem', () => {
  const text = '{retention: [{repositories: [], keep_last: 0, keep_within: 3, tags: ["?"], more: 1}]}'
  expect(() => parsePolicyText(text)).toThrow(
    expect.objectContaining({
      problems: expect.arrayContaining(
        ['repositories', 'keep_last', 'keep_within', 'tags/0', 'more'].map((name) =>
          expect.objectContaining({ path: `/retention/0/${name}` }),
        ),
      ),
    }),
  )
  expect(parseRepositoryPattern('os/*')?.expression.test('os/debian/13')).toBe(false)
})
