import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { planFat } from '../../../src/isobuilder/fat/plan.ts'
import type { SegmentedImage } from '../../../src/isobuilder/segments.ts'
import { readRange } from '../../../src/isobuilder/segments.ts'
import type { Entry } from '../../../src/isobuilder/tree.ts'
import { file, patternAt, patternSource } from '../image-bytes.ts'
import { readFat } from './fat-reader.ts'

const MIB = 1024 * 1024

function fatOf(entries: readonly Entry[], minBytes = 0): SegmentedImage {
  const result = planFat(entries, { label: 'ESP', minBytes })
  if (!result.ok) expect.fail(JSON.stringify(result.problems))
  return result.image
}

/** Only what is written is touched: most of a file system of 261 MiB is zeros that the kernel never has to make. */
async function bytesOf(image: SegmentedImage): Promise<Buffer> {
  const bytes = Buffer.alloc(image.size)
  for (const { start, length } of image.segments) bytes.set(await readRange(image, start, start + length), start)
  return bytes
}

const BOOT: readonly Entry[] = [file('EFI/BOOT/BOOTX64.EFI', 'x'.repeat(5000)), file('EFI/fedora/grub.cfg', 'set\n')]

test.for([
  [0, 3 * MIB, 'FAT16   ', 54],
  [31 * MIB, 31 * MIB, 'FAT16   ', 54],
  [35 * MIB, 35 * MIB, 'FAT16   ', 54],
  [36 * MIB, 36 * MIB, 'FAT32   ', 82],
  [261 * MIB, 261 * MIB, 'FAT32   ', 82],
] as const)('a file system of at least %i bytes has %i and is %s', async ([minBytes, size, type, at]) => {
  const image = fatOf(BOOT, minBytes)
  expect(image.size).toBe(size)
  const bytes = await bytesOf(image)
  expect(bytes.toString('latin1', at, at + 8)).toBe(type)
  expect(bytes.toString('hex', 510, 512)).toBe('55aa')
  expect(readFat(bytes)).toEqual({
    EFI: '/',
    'EFI/BOOT': '/',
    'EFI/BOOT/BOOTX64.EFI': 'x'.repeat(5000),
    'EFI/fedora': '/',
    'EFI/fedora/grub.cfg': 'set\n',
  })
})

test('a small file system, byte for byte', async () => {
  expect(
    createHash('sha256')
      .update(await bytesOf(fatOf(BOOT)))
      .digest('hex'),
  ).toMatchInlineSnapshot(`"b92c184518e1af4a71c0ee8847a1250a3a597e26dc3dc160cfb18951a98c9bdd"`)
})

test('names of any kind come back, with their case', () => {
  const name = fc
    .string({ unit: fc.constantFrom(...'abAB09._ -~é日+[]'), minLength: 1, maxLength: 40 })
    .filter((text) => !/[. ]$/.test(text) && text !== '.' && text !== '..')
  const names = fc.uniqueArray(name, { maxLength: 60, selector: (text) => text.toUpperCase() })
  return fc.assert(
    fc.asyncProperty(names, async (list) => {
      const entries = list.map((text, index) => file(`D/${text}`, 'c'.repeat((index * 311) % 3000)))
      const found = readFat(await bytesOf(fatOf(entries)))
      delete found['D']
      const expected = list.map((text, index) => [`D/${text}`, 'c'.repeat((index * 311) % 3000)])
      expect(found).toEqual(Object.fromEntries(expected))
    }),
    { numRuns: 40 },
  )
})

test('the order of the entries leaves no trace, their content does', () => {
  expect(fatOf([...BOOT].reverse()).digest).toBe(fatOf(BOOT).digest)
  expect(fatOf([...BOOT, file('x')]).digest).not.toBe(fatOf(BOOT).digest)
})

test('a large file grows the image, and is read where it lies', async () => {
  const size = 700 * MIB + 5
  const image = fatOf([{ path: 'EFI/Linux/uki.efi', source: patternSource(size) }])
  expect(image.size - size).toBeLessThan(4 * MIB)
  const segment = image.segments.find((part) => 'source' in part)
  const start = segment?.start ?? 0
  expect(start % 4096).toBe(0)
  const read = await readRange(image, start + size - 3, start + size + 5)
  expect([...read]).toEqual([3, 2, 1].map((back) => patternAt(size - back)).concat([0, 0, 0, 0, 0]))
})

test.for<[string, Entry[], string]>([
  ['a symbolic link', [{ path: 'a', symlink: 'b' }], 'symlink'],
  ['a question mark', [file('a?')], 'name'],
  ['a dot at the end', [file('a.')], 'name'],
  ['256 characters', [file('d/'.repeat(3) + 'n'.repeat(250) + 'x'.repeat(6))], 'name-length'],
  ['names apart in case', [file('a'), file('A')], 'name-case'],
  ['4 GiB', [{ path: 'a', source: patternSource(2 ** 32) }], 'file-size'],
  ['600 files in the root', Array.from({ length: 600 }, (_, index) => file(`F${index}`)), 'root-entries'],
])('%s is refused', ([, entries, code]) => {
  const result = planFat(entries, { label: 'ESP' })
  expect(result).toMatchObject({ ok: false, problems: [{ code }] })
})

test('a label of lower case is refused', () => {
  expect(planFat([], { label: 'esp' })).toMatchObject({ ok: false, problems: [{ code: 'label' }] })
})
