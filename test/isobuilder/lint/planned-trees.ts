import fc from 'fast-check'
import { expect } from 'vitest'
import { planIso } from '../../../src/isobuilder/plan.ts'
import { bytesSource } from '../../../src/isobuilder/source.ts'
import type { Entry } from '../../../src/isobuilder/tree.ts'
import { alikeNames, names } from '../awkward-names.ts'
import { bytesOf } from '../image-bytes.ts'
import { lines, lintBytes } from './lint-image.ts'

const path = fc.oneof(
  fc.array(names, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/')),
  alikeNames,
)
const target = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }),
  fc.string({ unit: fc.constantFrom('a', '/', '.', '..', '\n', 'n'.repeat(130)), minLength: 1, maxLength: 20 }),
)
/** The bytes are of no matter, their number is. */
const size = fc.oneof(fc.nat(3), fc.nat(5000))

const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.tuple(path, size).map(([at, bytes]) => ({ path: at, source: bytesSource(Buffer.alloc(bytes, at)) })),
  fc.tuple(path, target).map(([at, symlink]) => ({ path: at, symlink })),
  path.map((at) => ({ path: at, directory: true as const })),
)

/** Trees of any names, contents and links: those that can be planned have no findings. */
export async function plannedTreesAreGood(numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 40 }), async (entries) => {
      const result = planIso(entries, { label: 'TREE' })
      fc.pre(result.ok)
      if (result.ok) expect(lines(await lintBytes(await bytesOf(result.plan), { contents: true }))).toEqual([])
    }),
    { numRuns },
  )
}
