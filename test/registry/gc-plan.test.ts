import fc from 'fast-check'
import { expect, test } from 'vitest'
import { planCollection } from '../../src/registry/gc-plan.ts'
import { parsePolicyText } from '../../src/registry/policy.ts'
import { retentionOf } from '../../src/registry/retention.ts'
import type { ManifestFacts, TagFacts } from '../../src/registry/storage/storage.ts'
import type { Digest } from '../../src/shared/digest.ts'
import { sha256 } from '../../src/shared/digest.ts'

const NOW = new Date('2026-06-01T00:00:00Z')
const BEFORE = new Date('2026-05-31T00:00:00Z')
const LONG_AGO = new Date('2026-01-01T00:00:00Z')
const NAMES = ['image', 'index', 'signature', 'other']

interface Sketch {
  readonly subject?: string
  readonly children?: readonly string[]
  readonly tags?: readonly string[]
  readonly releasedAt?: Date
  readonly untaggedAt?: Date
}

function collect(sketches: Readonly<Record<string, Sketch>>, policy = '{}') {
  const entries = Object.entries(sketches)
  const manifests = entries.map(([name, { subject, children = [], releasedAt, untaggedAt }]) => ({
    digest: sha256(name),
    pushedAt: LONG_AGO,
    subject: subject === undefined ? undefined : sha256(subject),
    children: children.map((child) => sha256(child)),
    releasedAt,
    untaggedAt,
  })) satisfies ManifestFacts[]
  const tags: TagFacts[] = entries.flatMap(([name, sketch]) =>
    (sketch.tags ?? []).map((tag) => ({ name: tag, digest: sha256(name), updatedAt: LONG_AGO })),
  )
  const plan = planCollection({ manifests, tags }, retentionOf(parsePolicyText(policy), 'a'), {
    now: NOW,
    before: BEFORE,
  })
  const nameOf = (digest: Digest) => entries.find(([name]) => sha256(name) === digest)?.[0]
  return {
    tags: plan.tags.map(({ name }) => name),
    manifests: plan.manifests.map(({ manifest }) => nameOf(manifest.digest)),
  }
}

const signatureOf = (name: string) => `${sha256(name).replace(':', '-')}.sig`
const EXPIRE = '{retention: [{repositories: ["**"], keep_within: 1d}]}'
const UNTAGGED = '{retention: [{repositories: ["**"], untagged_after: 7d}]}'

test.for<[name: string, sketches: Record<string, Sketch>, policy: string, gone: string[]]>([
  ['nothing goes without a rule, tagged or not', { image: {}, other: { tags: ['a'] } }, '{}', []],
  ['what was released goes after its grace', { image: { releasedAt: LONG_AGO } }, '{}', ['image']],
  ['and not before', { image: { releasedAt: NOW } }, '{}', []],
  ['a tag keeps what was released', { image: { releasedAt: LONG_AGO, tags: ['a'] } }, '{}', []],
  ['an index keeps it', { image: { releasedAt: LONG_AGO }, index: { children: ['image'] } }, '{}', []],
  ['with its last tag an image goes', { image: { tags: ['a', 'b'] } }, EXPIRE, ['image']],
  [
    'and all that belongs to it, owners first',
    {
      signature: { subject: 'image' },
      other: { tags: [signatureOf('index')] },
      image: {},
      index: { tags: ['a'], children: ['image'] },
    },
    EXPIRE,
    ['index', 'other', 'image', 'signature'],
  ],
  [
    'a part of another index stays, with its signature',
    {
      image: {},
      signature: { subject: 'image' },
      index: { tags: ['a'], children: ['image'] },
      other: { children: ['image'] },
    },
    EXPIRE,
    ['index'],
  ],
  ['a signature of what was never here stays', { signature: { subject: 'nothing' } }, UNTAGGED, []],
  ['a cosign signature of what was never here stays', { signature: { tags: [signatureOf('nothing')] } }, UNTAGGED, []],
  ['untagged for too long', { image: { untaggedAt: LONG_AGO }, other: {} }, UNTAGGED, ['image', 'other']],
  ['untagged since yesterday', { image: { untaggedAt: BEFORE } }, UNTAGGED, []],
  [
    'a signature of an untagged image goes with it',
    { image: {}, signature: { subject: 'image' } },
    UNTAGGED,
    ['image', 'signature'],
  ],
  [
    'two that name each other stay',
    { image: { tags: [signatureOf('other')] }, other: { tags: [signatureOf('image')] } },
    UNTAGGED,
    [],
  ],
])('%s', ([, sketches, policy, gone]) => {
  expect(collect(sketches, policy).manifests).toEqual(gone)
})

test('what a tag that stays reaches is never collected', () => {
  const sketch = fc.record({
    subject: fc.option(fc.constantFrom(...NAMES), { nil: undefined }),
    children: fc.subarray(NAMES),
    tags: fc.subarray(['keep', 'drop', ...NAMES.map(signatureOf)]),
    releasedAt: fc.constantFrom(undefined, LONG_AGO, NOW),
  })
  const policy =
    '{retention: [{repositories: ["**"], tags: [drop], keep_within: 1d}, {repositories: ["**"], untagged_after: 1d}]}'
  fc.assert(
    fc.property(fc.record(Object.fromEntries(NAMES.map((name) => [name, sketch]))), (drawn) => {
      const sketches = drawn as Record<string, { subject: string | undefined; children: string[]; tags: string[] }>
      const given = Object.fromEntries(
        Object.entries(sketches).map(([name, { subject, ...rest }]) => [
          name,
          { ...rest, ...(subject && { subject }) },
        ]),
      )
      const { manifests } = collect(given, policy)
      const reached = new Set(NAMES.filter((name) => sketches[name]?.tags.includes('keep')))
      for (let size = -1; size !== reached.size; ) {
        size = reached.size
        for (const name of reached) for (const child of sketches[name]?.children ?? []) reached.add(child)
      }
      for (const name of reached) expect(manifests).not.toContain(name)
    }),
  )
})
