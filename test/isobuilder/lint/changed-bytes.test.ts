import fc from 'fast-check'
import { expect, test } from 'vitest'
import { planIso } from '../../../src/isobuilder/plan.ts'
import { bytesSource } from '../../../src/isobuilder/source.ts'
import type { Entry } from '../../../src/isobuilder/tree.ts'
import { bytesOf, file, imageOf } from '../image-bytes.ts'
import { lintBytes } from './lint-image.ts'

const TREE: readonly Entry[] = [
  file('recipe.json', '{}\n'),
  file('user-data', '#cloud-config\n'),
  file('ks.cfg', ''),
  file('drivers/a.bin', 'a'.repeat(3000)),
  file('drivers/more/b.bin', 'b'),
  { path: 'drivers/latest', symlink: '../drivers/a.bin' },
]

/** Long enough that Windows shows only part of it. */
const LABEL = 'TASK_01ARZ3NDEKTSV4RRFFQ69G5FAV'

/** Changes one byte, and tells whether an error is found. */
async function isNoticed(image: Buffer, at: number, change: number): Promise<boolean> {
  const bytes = Buffer.from(image)
  bytes.writeUInt8((bytes[at] ?? 0) ^ change, at)
  return (await lintBytes(bytes, { contents: true })).some(({ severity }) => severity === 'error')
}

test('any byte of a data image that is changed is noticed, contents and labels included', async () => {
  const image = await imageOf(TREE, LABEL)
  const written = [...image.keys()].filter((at) => image[at] !== 0)
  const offset = fc.oneof(fc.constantFrom(...written), fc.nat(image.length - 1))
  await fc.assert(
    fc.asyncProperty(offset, fc.integer({ min: 1, max: 255 }), (at, change) => isNoticed(image, at, change)),
    { numRuns: 1500 },
  )
})

// The targets of links and the end of a long label stand in one place only, and such an image has no digest of them.
test('of an image that boots, any byte before the contents is noticed, but for targets and the end of a long label', async () => {
  const boot = { esp: bytesSource(Buffer.alloc(65_536, 'esp')) }
  const result = planIso(
    TREE.filter((entry) => !('symlink' in entry)),
    { label: LABEL, boot },
  )
  if (!result.ok) expect.fail(JSON.stringify(result.problems))
  const image = await bytesOf(result.plan)
  const end = image.indexOf('a'.repeat(3000)) - 2048
  const isEndOfLabel = (at: number) => at >= 16 * 2048 + 40 + 16 && at < 16 * 2048 + 40 + 32
  const written = [...image.keys()].filter((at) => image[at] !== 0 && at < end && !isEndOfLabel(at))
  const isContent = (at: number) => ['{}\n', '#cloud-config\n'].some((text) => Math.abs(at - image.indexOf(text)) < 64)
  const offset = fc.constantFrom(...written.filter((at) => !isContent(at)))
  await fc.assert(
    fc.asyncProperty(offset, fc.integer({ min: 1, max: 255 }), (at, change) => isNoticed(image, at, change)),
    { numRuns: 1000 },
  )
})

test('an image of random bytes behind a good descriptor ends in findings, never in an exception', async () => {
  const image = await imageOf(TREE, LABEL)
  const garbage = fc.array(fc.tuple(fc.nat(image.length - 64), fc.uint8Array({ minLength: 1, maxLength: 64 })), {
    minLength: 1,
    maxLength: 20,
  })
  await fc.assert(
    fc.asyncProperty(garbage, async (changes) => {
      const bytes = Buffer.from(image)
      for (const [at, some] of changes) bytes.set(some, at)
      await lintBytes(bytes, { contents: true })
    }),
    { numRuns: 300 },
  )
})
