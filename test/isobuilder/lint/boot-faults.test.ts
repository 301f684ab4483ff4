import { expect, test } from 'vitest'
import type { Fault } from './faulty-image.ts'
import { bootImage, both32, discImage, foundIn, little, SECTOR, swap } from './faulty-image.ts'

const BOOT_RECORD = 17 * SECTOR

function catalog(bytes: Buffer): number {
  return little(bytes, BOOT_RECORD + 71)
}

/** Start of the GPT entries, and of the copies at the end. */
const GPT = 512
const backup = (bytes: Buffer) => bytes.length - 512

const BOOT: readonly Fault[] = [
  ['boot record elsewhere', (b) => swap(b, BOOT_RECORD, BOOT_RECORD + SECTOR, SECTOR), 'descriptor-order'],
  ['boot system identifier', (b) => b.write('EL TORITA', BOOT_RECORD + 7), 'descriptor-unknown'],
  ['behind the boot system identifier', (b) => b.writeUInt8(1, BOOT_RECORD + 50), 'boot-record'],
  ['catalog outside', (b) => b.writeUInt32LE(99_999, BOOT_RECORD + 71), 'boot-record'],
  ['catalog in the descriptors', (b) => b.writeUInt32LE(16, BOOT_RECORD + 71), 'boot-record'],
  ['catalog elsewhere', (b) => b.writeUInt32LE(25, BOOT_RECORD + 71), 'boot-catalog'],
  ['checksum of the catalog', (b) => b.writeUInt8(1, catalog(b) + 10), 'boot-catalog'],
  ['55 AA of the catalog', (b) => b.writeUInt8(0, catalog(b) + 30), 'boot-catalog'],
  ['platform', (b) => b.writeUInt8(7, catalog(b) + 1), 'boot-catalog'],
  ['an entry that does not boot', (b) => b.writeUInt8(0x80, catalog(b) + 32), 'boot-image'],
  ['an entry that firmware passes by', (b) => b.writeUInt8(0, catalog(b) + 32), 'boot-image'],
  ['an entry that emulates', (b) => b.writeUInt8(9, catalog(b) + 33), 'boot-image'],
  ['a BIOS image of which half is loaded', (b) => b.writeUInt16LE(2, catalog(b) + 38), 'boot-load'],
  ['a BIOS image of which nothing is loaded', (b) => b.writeUInt16LE(0, catalog(b) + 38), 'boot-image'],
  ['a BIOS image that is loaded elsewhere', (b) => b.writeUInt16LE(0x1000, catalog(b) + 34), 'boot-load'],
  ['a name in the section of UEFI', (b) => b.writeUInt8(1, catalog(b) + 68), 'unused-field'],
  ['an image behind the volume', (b) => both32(b, 16 * SECTOR + 80, b.length / SECTOR - 64), 'boot-image-behind'],
  ['an image outside', (b) => b.writeUInt32LE(99_999, catalog(b) + 40), 'boot-image'],
  ['an image over a directory', (b) => b.writeUInt32LE(26, catalog(b) + 40), 'extent-overlap'],
  ['two images in a section of one', (b) => b.writeUInt16LE(2, catalog(b) + 66), 'boot-image'],
  ['bytes behind the last entry', (b) => b.writeUInt8(1, catalog(b) + 200), 'boot-catalog'],
  [
    'another system partition',
    (b) => b.writeUInt32LE(b.readUInt32LE(catalog(b) + 104) - 4, catalog(b) + 104),
    'boot-agreement',
  ],
  ['a larger system partition', (b) => b.writeUInt16LE(2000, catalog(b) + 102), 'boot-agreement'],
  ['boot info table: place', (b) => b.writeUInt32LE(99, bios(b) + 12), 'boot-info-table'],
  ['boot info table: length', (b) => b.writeUInt32LE(99_999_999, bios(b) + 16), 'boot-info-table'],
  ['boot info table: sum', (b) => b.writeUInt32LE(1, bios(b) + 20), 'boot-info-table'],
  ['a byte of the loader', (b) => b.writeUInt8(1, bios(b) + 3000), 'boot-info-table'],
  ['GPT checksum', (b) => b.writeUInt8(1, GPT + 16), 'gpt'],
  ['GPT revision', (b) => b.writeUInt8(1, GPT + 8), 'gpt'],
  ['GPT sector of its own', (b) => b.writeUInt8(2, GPT + 24), 'gpt'],
  ['GPT entries', (b) => b.writeUInt8(1, 1024 + 60), 'gpt'],
  ['GPT disk GUID', (b) => b.fill(0, GPT + 56, GPT + 72), 'gpt'],
  ['no backup GPT', (b) => b.fill(0, backup(b)), 'gpt-backup'],
  ['backup GPT header', (b) => b.writeUInt8(1, backup(b) + 40), 'gpt'],
  ['backup GPT entries', (b) => b.writeUInt8(1, backup(b) - 128 * 128 + 60), 'gpt'],
  ['no protective MBR', (b) => b.fill(0, 446, 512), 'gpt'],
  ['protective entry of another type', (b) => b.writeUInt8(0x0c, 446 + 4), 'mbr'],
  ['protective entry too short', (b) => b.writeUInt32LE(5, 446 + 12), 'mbr'],
  ['a second MBR partition', (b) => b.writeUInt8(0xef, 462 + 4), 'mbr'],
  ['bytes in the system area', (b) => b.writeUInt8(1, 15 * SECTOR), 'system-area'],
]

function bios(bytes: Buffer): number {
  return little(bytes, catalog(bytes) + 40)
}

test.for(BOOT)('noticed in an image that boots: %s', async (fault) => {
  expect(await foundIn(bootImage, fault)).toContain(`error ${fault[2]} `)
})

test('noticed in an image that boots from discs alone: a system partition that ends where its zeros begin', async () => {
  const fault: Fault = ['', (b) => b.writeUInt16LE(256, catalog(b) + 102), 'boot-load']
  expect(await foundIn(discImage, fault)).toContain('error boot-load ')
})
