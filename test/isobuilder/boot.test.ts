import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { IsoOptions, IsoPlan } from '../../src/isobuilder/plan.ts'
import { planIso } from '../../src/isobuilder/plan.ts'
import { openIso } from '../../src/isobuilder/reader.ts'
import { bytesSource } from '../../src/isobuilder/source.ts'
import { bytesOf, file, mediumOf, patternAt, patternSource } from './image-bytes.ts'

const SECTOR = 2048
const MIB = 1024 * 1024
const ENTRIES = [file('layers/root.erofs', 'root'), file('ks.cfg', 'install\n')]
const ESP = patternSource(3 * MIB)

function bootable(options: Partial<IsoOptions> = {}): IsoPlan {
  const result = planIso(ENTRIES, { label: 'MAINT', boot: { esp: ESP }, ...options })
  if (!result.ok) expect.fail(JSON.stringify(result.problems))
  return result.plan
}

/** The file system of a USB disk is that of the CD: same bytes. */
async function gptOf(image: Buffer) {
  const header = image.subarray(512, 1024)
  const entries = image.subarray(1024, 1024 + 128 * 128)
  return { header, entries, backup: image.subarray(-512), backupEntries: image.subarray(-33 * 512, -512) }
}

test('the boot record is descriptor 17 and names the catalog', async () => {
  const image = await bytesOf(bootable())
  const heads = [16, 17, 18, 19].map((sector) => image.toString('latin1', sector * SECTOR, sector * SECTOR + 7))
  expect(heads).toEqual(['\x01CD001\x01', '\x00CD001\x01', '\x02CD001\x01', '\xffCD001\x01'])
  const record = image.subarray(17 * SECTOR, 18 * SECTOR)
  expect(record.toString('latin1', 7, 39)).toBe('EL TORITO SPECIFICATION'.padEnd(32, '\0'))
  expect(record.subarray(39, 71).every((byte) => byte === 0)).toBe(true)
  expect(record.readUInt32LE(71)).toBe(20)
})

test('for UEFI alone the catalog is one entry, byte for byte', async () => {
  const plan = bootable()
  const image = await bytesOf(plan)
  const lba = image.readUInt32LE(20 * SECTOR + 40)
  expect(lba % 512).toBe(0)
  expect(image.toString('hex', 20 * SECTOR, 20 * SECTOR + 64)).toBe(
    `01ef0000${'00'.repeat(24)}aa6655aa` + `8800000000000018${hexLe(lba)}${'00'.repeat(20)}`, // 3 MiB are 0x1800 units
  )
  expect(image[lba * SECTOR + 5]).toBe(patternAt(5))
})

test('with a BIOS image that one comes first and UEFI has a section of its own', async () => {
  const loader = Buffer.from(Array.from({ length: 5001 }, (_, index) => (index * 7) & 0xff))
  const before = Buffer.from(loader)
  const image = await bytesOf(bootable({ boot: { esp: ESP, bios: { image: loader } } }))
  const at = 20 * SECTOR
  const bios = image.readUInt32LE(at + 40)
  expect(image.toString('hex', at, at + 44)).toBe(`01000000${'00'.repeat(24)}aa5555aa8800000000000400${hexLe(bios)}`)
  expect(image.toString('hex', at + 64, at + 68)).toBe('91ef0100')
  expect(image.toString('hex', at + 96, at + 104)).toBe('8800000000000018')
  let sum = 0
  for (let word = 64; word < 5004; word += 4) {
    sum = (sum + Buffer.concat([loader, Buffer.alloc(3)]).readUInt32LE(word)) >>> 0
  }
  const table = `10000000${hexLe(bios)}${hexLe(5001)}${hexLe(sum)}${'00'.repeat(40)}`
  expect(image.toString('hex', bios * SECTOR + 8, bios * SECTOR + 64)).toBe(table)
  // Only the copy in the image has the table.
  expect(loader.equals(before)).toBe(true)
  expect(image.subarray(bios * SECTOR, bios * SECTOR + 8).equals(loader.subarray(0, 8))).toBe(true)
  expect(image.subarray(bios * SECTOR + 64, bios * SECTOR + 5001).equals(loader.subarray(64))).toBe(true)
})

test.for([
  [65_535 * 512 - 1536, 65_532],
  [32 * MIB, 0],
  [70 * MIB, 0],
] as const)('a boot partition of %i bytes has the sector count %i', async ([size, count]) => {
  const plan = bootable({ boot: { esp: patternSource(size) } })
  const catalog = await bytesOf(plan, 20 * SECTOR, 21 * SECTOR)
  expect(catalog.readUInt16LE(38)).toBe(count)
})

test('protective MBR: one entry over the whole disk, nothing else', async () => {
  const plan = bootable()
  const mbr = await bytesOf(plan, 0, 512)
  expect(mbr.subarray(0, 446).every((byte) => byte === 0)).toBe(true)
  expect(mbr.toString('hex', 446)).toBe(`00000200eeffffff01000000${hexLe(plan.size / 512 - 1)}${'00'.repeat(48)}55aa`)
})

test('both GPT headers are right, point at each other, and know one EFI system partition', async () => {
  const plan = bootable()
  const image = await bytesOf(plan)
  const { header, entries, backup, backupEntries } = await gptOf(image)
  const last = plan.size / 512 - 1
  for (const [bytes, own, other, at] of [
    [header, 1, last, 2],
    [backup, last, 1, last - 32],
  ] as const) {
    expect(bytes.toString('latin1', 0, 8)).toBe('EFI PART')
    const copy = Buffer.from(bytes.subarray(0, 92))
    copy.fill(0, 16, 20)
    expect(bytes.readUInt32LE(16)).toBe(crc32(copy))
    expect([24, 32, 40, 48, 72].map((field) => Number(bytes.readBigUInt64LE(field)))).toEqual([
      ...[own, other, 34, last - 33, at],
    ])
    expect(bytes.readUInt32LE(88)).toBe(crc32(entries))
  }
  expect(backupEntries.equals(entries)).toBe(true)
  expect(entries.toString('hex', 0, 16)).toBe('28732ac11ff8d211ba4b00a0c93ec93b')
  const [first, end] = [32, 40].map((field) => Number(entries.readBigUInt64LE(field)))
  expect(first).toBe(image.readUInt32LE(20 * SECTOR + 40) * 4)
  expect(((end ?? 0) + 1 - (first ?? 0)) * 512).toBe(ESP.size)
  expect(entries.toString('utf16le', 56, 64)).toBe('ESP\0')
  expect(entries.subarray(128).every((byte) => byte === 0)).toBe(true)
})

test('the GUIDs follow from the content: never the same for two media, always for one', async () => {
  const guids = async (plan: IsoPlan) => {
    const head = await bytesOf(plan, 0, 1200)
    return [head.toString('hex', 512 + 56, 512 + 72), head.toString('hex', 1024 + 16, 1024 + 32)]
  }
  const one = await guids(bootable())
  expect(await guids(bootable())).toEqual(one)
  const others = [
    bootable({ label: 'OTHER' }),
    bootable({ boot: { esp: bytesSource(Buffer.alloc(3 * MIB)) } }),
    bootable({ boot: { esp: ESP, bios: { image: Buffer.alloc(2048) } } }),
  ]
  const all = [one, ...(await Promise.all(others.map(guids)))].flat()
  expect(new Set(all).size).toBe(8)
  // Version 8, variant 10 (RFC 9562): time_hi is stored little-endian.
  for (const guid of all) expect(guid).toMatch(/^.{14}8.[89ab]/)
})

test('without a partition table the system area is empty and the image ends with the boot partition', async () => {
  const plan = bootable({ hybrid: 'none' })
  const image = await bytesOf(plan)
  expect(image.subarray(0, 16 * SECTOR).every((byte) => byte === 0)).toBe(true)
  expect(image.readUInt32LE(20 * SECTOR + 40) * SECTOR + ESP.size).toBe(plan.size)
})

test('the volume covers the whole image, and its files are read as from a CD', async () => {
  const plan = bootable()
  const image = await bytesOf(plan)
  expect(image.readUInt32LE(16 * SECTOR + 80) * SECTOR).toBe(plan.size)
  const volume = await openIso(mediumOf(image))
  expect((await volume.list()).map(({ path }) => path)).toEqual(['ks.cfg', 'layers', 'layers/root.erofs'])
})

test('any range of a bootable image is that part of the whole', async () => {
  const plan = bootable({ boot: { esp: ESP, bios: { image: Buffer.alloc(100, 7) } } })
  const image = await bytesOf(plan)
  const ranges = fc.tuple(fc.nat(plan.size), fc.nat(70_000))
  await fc.assert(
    fc.asyncProperty(ranges, async ([start, length]) => {
      const end = Math.min(plan.size, start + length)
      expect((await bytesOf(plan, start, end)).equals(image.subarray(start, end))).toBe(true)
    }),
  )
})

test.for<[string, Partial<IsoOptions>, string]>([
  ['an empty boot partition', { boot: { esp: patternSource(0) } }, 'esp-size'],
  ['a boot partition of odd size', { boot: { esp: patternSource(MIB + 512) } }, 'esp-size'],
  ['a boot partition of no size', { boot: { esp: { ...patternSource(0), size: Number.NaN } } }, 'esp-size'],
  ['a BIOS image of 63 bytes', { boot: { esp: ESP, bios: { image: Buffer.alloc(63) } } }, 'bios-size'],
])('%s is refused', ([, options, code]) => {
  expect(planIso(ENTRIES, { label: 'X', ...options })).toMatchObject({ ok: false, problems: [{ path: '', code }] })
})

test('a partition table without a boot partition is refused', () => {
  const result = planIso(ENTRIES, { label: 'X', hybrid: 'gpt' })
  expect(result).toMatchObject({ ok: false, problems: [{ code: 'hybrid' }] })
})

function hexLe(value: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes.toString('hex')
}
