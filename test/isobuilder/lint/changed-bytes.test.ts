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

const changes = fc.integer({ min: 1, max: 255 })

/** Bytes that say something, twice as often as they come by chance. */
function placesIn(image: Buffer): fc.Arbitrary<number> {
  const written = [...image.keys()].filter((at) => image[at] !== 0)
  return fc.oneof(fc.constantFrom(...written), fc.nat(image.length - 1))
}

/** Changes one byte, and tells whether an error is found. */
async function isNoticed(image: Buffer, at: number, change: number): Promise<boolean> {
  const bytes = Buffer.from(image)
  bytes.writeUInt8((bytes[at] ?? 0) ^ change, at)
  return (await lintBytes(bytes, { contents: true })).some(({ severity }) => severity === 'error')
}

test('any byte of a data image that is changed is noticed, contents and labels included', async () => {
  const image = await imageOf(TREE, LABEL)
  await fc.assert(
    fc.asyncProperty(placesIn(image), changes, (at, change) => isNoticed(image, at, change)),
    { numRuns: 1000 },
  )
})

test.for(['gpt', 'none'] as const)(
  'any byte of an image that boots is noticed too, in the boot partition and in the BIOS image as well; partition table: %s',
  async (hybrid) => {
    const esp = bytesSource(Buffer.alloc(16_384, 'esp'))
    const bios = { image: Buffer.alloc(3000, 'bios') }
    const result = planIso(TREE, { label: LABEL, boot: { esp, bios }, hybrid })
    if (!result.ok) expect.fail(JSON.stringify(result.problems))
    const image = await bytesOf(result.plan)
    expect(await lintBytes(image, { contents: true })).toEqual([])
    await fc.assert(
      fc.asyncProperty(placesIn(image), changes, (at, change) => isNoticed(image, at, change)),
      { numRuns: 300 },
    )
  },
)

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
