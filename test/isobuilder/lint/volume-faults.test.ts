import { expect, test } from 'vitest'
import type { Fault } from './faulty-image.ts'
import { big, both32, dataImage, foundIn, little, PVD, SECTOR, SVD, swap } from './faulty-image.ts'
import { lines, lintBytes } from './lint-image.ts'

const END = 18 * SECTOR

const MEDIUM: readonly Fault[] = [
  ['space size too small', (b) => both32(b, PVD + 80, b.readUInt32LE(PVD + 80) - 1), 'trailing-bytes'],
  ['space size too large', (b) => both32(b, PVD + 80, b.readUInt32LE(PVD + 80) + 1), 'space-size'],
  ['space size 0', (b) => both32(b, PVD + 80, 0), 'extent-outside'],
  ['space size, big-endian half', (b) => b.writeUInt32BE(1, PVD + 84), 'both-endian'],
  ['no primary descriptor', (b) => b.writeUInt8(3, PVD), 'no-volume'],
  ['primary descriptor of version 2', (b) => b.writeUInt8(2, PVD + 6), 'descriptor-version'],
  ['standard identifier', (b) => b.write('CD002', PVD + 1), 'no-volume'],
  ['descriptors in another order', (b) => swap(b, PVD, SVD, SECTOR), 'descriptor-order'],
  ['no terminator', (b) => b.fill(0, END, END + SECTOR), 'no-terminator'],
  ['terminator of version 0', (b) => b.writeUInt8(0, END + 6), 'descriptor-version'],
  ['terminator with something in it', (b) => b.writeUInt8(1, END + 100), 'unused-field'],
  ['structure version 0', (b) => b.writeUInt8(0, PVD + 881), 'structure-version'],
  [
    'logical blocks of 512',
    (b) => b.write('0002', PVD + 128, 'hex') && b.write('0200', PVD + 130, 'hex'),
    'block-size',
  ],
  ['volume 2 of the set', (b) => b.write('02000002', PVD + 124, 'hex'), 'volume-sequence'],
  ['creation in month 13', (b) => b.write('2026130100000000', PVD + 813), 'descriptor-date'],
  ['creation of NULs', (b) => b.fill(0, PVD + 813, PVD + 830), 'descriptor-date'],
  ['expiration set in one tree', (b) => b.write('2026010100000000', PVD + 847), 'volume-agreement'],
  ['zone of 14 hours', (b) => b.write('2026010100000000', PVD + 813) && b.writeInt8(56, PVD + 829), 'descriptor-date'],
  ['lower case in the label', (b) => b.write('task', PVD + 40), 'descriptor-text'],
  ['NUL padding of the label', (b) => b.fill(0, PVD + 60, PVD + 72), 'descriptor-text'],
  ['another label', (b) => b.write('TASK_FAULTY', PVD + 40), 'volume-agreement'],
  ['an unused field', (b) => b.writeUInt8(1, PVD + 72), 'unused-field'],
  ['the reserved end', (b) => b.writeUInt8(1, PVD + 2047), 'unused-field'],
  ['the system area', (b) => b.writeUInt8(1, 5 * SECTOR), 'system-area'],
  ['the last byte of a last sector', (b) => b.writeUInt8(1, b.length - 1), 'not-zero'],
  ['Joliet escape sequence', (b) => b.write('%/X', SVD + 88), 'descriptor-unknown'],
  ['behind the escape sequence', (b) => b.writeUInt8(1, SVD + 95), 'joliet-escape'],
  ['Joliet of level 2', (b) => b.write('C', SVD + 90), 'joliet-level'],
  ['Joliet flags', (b) => b.writeUInt8(1, SVD + 7), 'joliet-escape'],
  ['an enhanced descriptor', (b) => b.writeUInt8(2, SVD + 6), 'descriptor-unknown'],
]

const TABLES: readonly Fault[] = [
  ['path table size 0', (b) => both32(b, PVD + 132, 0), 'path-table'],
  ['path table size rounded up', (b) => both32(b, PVD + 132, SECTOR), 'path-table'],
  ['L table at 0', (b) => b.writeUInt32LE(0, PVD + 140), 'path-table'],
  ['L table elsewhere', (b) => b.writeUInt32LE(16, PVD + 140), 'path-table'],
  ['M table at 0', (b) => b.writeUInt32BE(0, PVD + 148), 'path-table'],
  ['M table is the L table', (b) => b.writeUInt32BE(b.readUInt32LE(PVD + 140), PVD + 148), 'path-table'],
  ['L table names another root', (b) => b.writeUInt32LE(99, little(b, PVD + 140) + 2), 'path-table'],
  ['M table is garbage', (b) => b.fill(0x55, big(b, PVD + 148), big(b, PVD + 148) + 40), 'path-table'],
  ['a parent', (b) => b.writeUInt16LE(2, little(b, PVD + 140) + 16), 'path-table'],
  ['an identifier', (b) => b.write('E', little(b, PVD + 140) + 18), 'path-table'],
  ['an extended attribute record', (b) => b.writeUInt8(1, little(b, PVD + 140) + 11), 'path-table'],
  ['two directories in another order', swapRows, 'path-table-order'],
  ['a Joliet parent', (b) => b.writeUInt16LE(2, little(b, SVD + 140) + 16), 'path-table'],
  ['a Joliet table elsewhere', (b) => b.writeUInt32BE(16, SVD + 148), 'path-table'],
]

/** DRIVERS and FIRMWARE: 8 + 7 + 1 and 8 + 8 bytes. */
function swapRows(bytes: Buffer): void {
  swap(bytes, little(bytes, PVD + 140) + 10, little(bytes, PVD + 140) + 26, 16)
}

test.for([...MEDIUM, ...TABLES])('noticed: %s', async (fault) => {
  expect(await foundIn(dataImage, fault)).toContain(`error ${fault[2]} `)
})

test('an image cut off, and one with something behind it', async () => {
  expect(lines(await lintBytes(dataImage.subarray(0, dataImage.length - SECTOR))).join()).toMatch(/error space-size /)
  expect(lines(await lintBytes(dataImage.subarray(0, 24 * SECTOR))).join()).toMatch(/error truncated /)
  expect(lines(await lintBytes(Buffer.concat([dataImage, Buffer.alloc(SECTOR)]))).join()).toMatch(
    /error trailing-bytes /,
  )
})
