import fc from 'fast-check'
import { expect } from 'vitest'
import { lintIso } from '../../../src/isobuilder/lint/lint.ts'
import { planIso } from '../../../src/isobuilder/plan.ts'
import { bytesSource } from '../../../src/isobuilder/source.ts'
import type { Entry } from '../../../src/isobuilder/tree.ts'
import { SECTION_BYTES } from '../../../src/isobuilder/tree.ts'
import { alikeNames, names } from '../awkward-names.ts'
import { bytesOf, mediumOfPlan, patternSource } from '../image-bytes.ts'
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

const boot = fc.record({
  sectors: fc.integer({ min: 1, max: 12 }),
  filled: fc.nat(12 * 2048),
  bios: fc.option(fc.integer({ min: 64, max: 5000 }), { nil: undefined }),
  bootInfoTable: fc.boolean(),
  hybrid: fc.constantFrom('gpt' as const, 'none' as const),
  label: fc.stringMatching(/^[A-Z0-9_]{1,32}$/),
})

/** The same for images that boot. */
export async function plannedBootImagesAreGood(numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(boot, fc.array(entry, { maxLength: 3 }), async ({ label, hybrid, ...parts }, entries) => {
      const esp = Buffer.alloc(parts.sectors * 2048)
      esp.fill('esp', 0, Math.min(parts.filled, esp.length))
      const image = Buffer.alloc(parts.bios ?? 0, 'bios')
      const bios = parts.bios === undefined ? {} : { bios: { image, bootInfoTable: parts.bootInfoTable } }
      const result = planIso(entries, { label, hybrid, boot: { esp: bytesSource(esp), ...bios } })
      fc.pre(result.ok)
      if (result.ok) expect(lines(await lintBytes(await bytesOf(result.plan), { contents: true }))).toEqual([])
    }),
    { numRuns },
  )
}

const nearSections = fc
  .tuple(fc.nat(3), fc.constantFrom(-2048, -1, 0, 1, 2047, 2048))
  .map(([count, more]) => Math.max(0, count * SECTION_BYTES + more))

/** The same for files of any number of sections, whose contents are not read. */
export async function plannedLargeFilesAreGood(numRuns: number): Promise<void> {
  const file = fc.tuple(names, nearSections).map(([path, bytes]) => ({ path, source: patternSource(bytes) }))
  await fc.assert(
    fc.asyncProperty(fc.array(file, { maxLength: 12 }), async (entries) => {
      const result = planIso(entries, { label: 'LARGE' })
      fc.pre(result.ok)
      if (result.ok) expect(lines(await lintIso(mediumOfPlan(result.plan), result.plan.size))).toEqual([])
    }),
    { numRuns },
  )
}

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
