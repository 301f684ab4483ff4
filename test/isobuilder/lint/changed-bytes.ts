import fc from 'fast-check'
import { expect } from 'vitest'
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
  // Cut and numbered in both trees.
  ...['a', 'b'].map((end) => file(`${'x'.repeat(70)}${end}`)),
  ...['a', 'b'].map((end): Entry => ({ path: `${'y'.repeat(70)}${end}`, directory: true })),
  ...['n?', 'n_'].map((path) => file(path)),
]

/** Long enough that Windows shows only part of it. */
const LABEL = 'TASK_01ARZ3NDEKTSV4RRFFQ69G5FAV'

const changes = fc.integer({ min: 1, max: 255 })

/** Bytes that say something, twice as often as they come by chance. */
function placesIn(image: Buffer): fc.Arbitrary<number> {
  const written: number[] = []
  for (let at = 0; at < image.length; at++) if (image[at] !== 0) written.push(at)
  return fc.oneof(
    fc.nat(written.length - 1).map((index) => written[index] ?? 0),
    fc.nat(image.length - 1),
  )
}

/** Changes one byte, and tells whether an error is found; then the image is as it was. */
async function isNoticed(image: Buffer, at: number, change: number): Promise<boolean> {
  const before = image.readUInt8(at)
  image.writeUInt8(before ^ change, at)
  try {
    return (await lintBytes(image, { contents: true })).some(({ severity }) => severity === 'error')
  } finally {
    image.writeUInt8(before, at)
  }
}

/** Contents and labels included. */
export async function dataImageNotices(numRuns: number): Promise<void> {
  const image = await imageOf(TREE, LABEL)
  const noticed = fc.asyncProperty(placesIn(image), changes, (at, change) => isNoticed(image, at, change))
  await fc.assert(noticed, { numRuns })
}

/** In the boot partition and in the BIOS image as well. */
export async function bootImageNotices(hybrid: 'gpt' | 'none', numRuns: number): Promise<void> {
  // It ends in zeros, as nearly every file system does.
  const esp = bytesSource(Buffer.concat([Buffer.alloc(8192, 'esp'), Buffer.alloc(8192)]))
  const bios = { image: Buffer.alloc(3000, 'bios') }
  const result = planIso(TREE, { label: LABEL, boot: { esp, bios }, hybrid })
  if (!result.ok) expect.fail(JSON.stringify(result.problems))
  const image = await bytesOf(result.plan)
  expect(await lintBytes(image, { contents: true })).toEqual([])
  const noticed = fc.asyncProperty(placesIn(image), changes, (at, change) => isNoticed(image, at, change))
  await fc.assert(noticed, { numRuns })
}

/** Random bytes behind a good descriptor end in findings, never in an exception. */
export async function garbageIsFound(numRuns: number): Promise<void> {
  const image = await imageOf(TREE, LABEL)
  const garbage = fc.array(fc.tuple(fc.nat(image.length - 64), fc.uint8Array({ minLength: 1, maxLength: 64 })), {
    minLength: 1,
    maxLength: 20,
  })
  const found = fc.asyncProperty(garbage, async (pieces) => {
    const bytes = Buffer.from(image)
    for (const [at, some] of pieces) bytes.set(some, at)
    await lintBytes(bytes, { contents: true })
  })
  await fc.assert(found, { numRuns })
}
