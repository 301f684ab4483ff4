import fc from 'fast-check'
import { expect } from 'vitest'
import { planIso } from '../../../src/isobuilder/plan.ts'
import { bytesSource } from '../../../src/isobuilder/source.ts'
import type { Entry } from '../../../src/isobuilder/tree.ts'
import { bytesOf } from '../image-bytes.ts'
import { lines, lintBytes } from './lint-image.ts'

/** Trees of any names, contents and links: those that can be planned have no findings. */
export async function plannedTreesAreGood(numRuns: number): Promise<void> {
  const name = fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
    fc.string({ unit: fc.constantFrom('a', 'A', '.', '*', '_', '1', ' '), minLength: 1, maxLength: 70 }),
  )
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'))
  const entry: fc.Arbitrary<Entry> = fc.oneof(
    fc.tuple(path, fc.uint8Array({ maxLength: 5000 })).map(([at, bytes]) => ({ path: at, source: bytesSource(bytes) })),
    fc
      .tuple(path, fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }))
      .map(([at, symlink]) => ({ path: at, symlink })),
    path.map((at) => ({ path: at, directory: true as const })),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 40 }), async (entries) => {
      const result = planIso(entries, { label: 'TREE' })
      fc.pre(result.ok)
      if (result.ok) expect(lines(await lintBytes(await bytesOf(result.plan), { contents: true }))).toEqual([])
    }),
    { numRuns },
  )
}
