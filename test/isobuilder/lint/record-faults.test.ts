import { expect, test } from 'vitest'
import { file, imageOf } from '../image-bytes.ts'
import type { Fault } from './faulty-image.ts'
import { both32, dataImage, foundIn, little, PVD, record, SECTOR, SVD, swap, wide } from './faulty-image.ts'
import { lines, lintBytes } from './lint-image.ts'

const RECORDS: readonly Fault[] = [
  ['extent, big-endian half', (b) => b.writeUInt32BE(1, record(b, 'RECIPE.JSON;1') + 6), 'both-endian'],
  ['data length, big-endian half', (b) => b.writeUInt32BE(1, record(b, 'RECIPE.JSON;1') + 14), 'both-endian'],
  ['data length in both', (b) => both32(b, record(b, 'RECIPE.JSON;1') + 10, 2), 'joliet-agreement'],
  ['extent outside', (b) => both32(b, record(b, 'RECIPE.JSON;1') + 2, 99_999), 'extent-outside'],
  ['extent over a directory', (b) => both32(b, record(b, 'RECIPE.JSON;1') + 2, 23), 'extent-overlap'],
  ['extent over another file', (b) => both32(b, record(b, 'RECIPE.JSON;1') + 10, 5000), 'extent-overlap'],
  [
    'extent of another file',
    (b) => both32(b, record(b, 'B.BIN;1') + 2, b.readUInt32LE(record(b, 'C.BIN;1') + 2)),
    'joliet-agreement',
  ],
  ['an empty file with an extent', (b) => both32(b, record(b, 'KS.CFG;1') + 2, 30), 'extent-empty'],
  ['record length 0', (b) => b.writeUInt8(0, record(b, 'RECIPE.JSON;1')), 'unused-field'],
  ['record length odd', (b) => b.writeUInt8(113, record(b, 'RECIPE.JSON;1')), 'record-length'],
  ['record shorter than its identifier', (b) => b.writeUInt8(40, record(b, 'RECIPE.JSON;1')), 'record-length'],
  ['record across a sector', (b) => b.writeUInt8(254, record(b, 'B.BIN;1') + crossing(b)), 'record-crossing'],
  ['identifier length 0', (b) => b.writeUInt8(0, record(b, 'RECIPE.JSON;1') + 32), 'record-length'],
  ['extended attribute record', (b) => b.writeUInt8(1, record(b, 'RECIPE.JSON;1') + 1), 'record-field'],
  ['interleaved', (b) => b.writeUInt8(1, record(b, 'RECIPE.JSON;1') + 26), 'record-field'],
  ['a reserved flag', (b) => b.writeUInt8(0x20, record(b, 'RECIPE.JSON;1') + 25), 'record-field'],
  ['a hidden file', (b) => b.writeUInt8(0x01, record(b, 'RECIPE.JSON;1') + 25), 'identifier'],
  ['a file that goes on', (b) => b.writeUInt8(0x80, record(b, 'RECIPE.JSON;1') + 25), 'sections'],
  ['a file that is a directory', (b) => b.writeUInt8(0x02, record(b, 'RECIPE.JSON;1') + 25), 'rock-ridge-kind'],
  ['a directory that is a file', (b) => b.writeUInt8(0, record(b, 'DRIVERS') + 25), 'rock-ridge-kind'],
  [
    'volume sequence number 0',
    (b) => b.fill(0, record(b, 'RECIPE.JSON;1') + 28, record(b, 'RECIPE.JSON;1') + 32),
    'volume-sequence',
  ],
  ['month 13', (b) => b.writeUInt8(13, record(b, 'RECIPE.JSON;1') + 19), 'record-date'],
  ['30 February', (b) => b.write('021e', record(b, 'RECIPE.JSON;1') + 19, 'hex'), 'record-date'],
  ['another date', (b) => b.writeUInt8(2, record(b, 'RECIPE.JSON;1') + 20), 'fixed-date'],
  ['records in another order', (b) => b.write('Z', record(b, 'KS.CFG;1') + 33), 'record-order'],
  ['another number', (b) => b.write('2', record(b, 'C_1.BIN;1') + 35), 'mangling'],
  ['an identifier twice', (b) => b.write('LATEST.;1', record(b, 'A.BIN;1') + 33) && b, 'identifier'],
  ['lower case', (b) => b.write('recipe', record(b, 'RECIPE.JSON;1') + 33), 'identifier'],
  ['no version', (b) => b.write('RECIPE.JSON_1', record(b, 'RECIPE.JSON;1') + 33), 'identifier'],
  ['an identifier of another name', (b) => b.write('RECIPX', record(b, 'RECIPE.JSON;1') + 33), 'mangling'],
  ['"." elsewhere', (b) => both32(b, little(b, PVD + 158) + 2, 24), 'directory-self'],
  ['"." of another length', (b) => both32(b, little(b, PVD + 158) + 10, 4096), 'directory-self'],
  ['".." of a directory', (b) => both32(b, dotDot(b) + 2, 24), 'directory-self'],
  ['no "."', (b) => b.writeUInt8(2, little(b, PVD + 158) + 33), 'directory-self'],
  ['a directory of half a sector', (b) => both32(b, record(b, 'DRIVERS') + 10, 1024), 'directory-size'],
  ['a directory without bytes', (b) => both32(b, record(b, 'DRIVERS') + 10, 0), 'directory-size'],
  [
    'a directory inside itself',
    (b) => both32(b, record(b, 'MORE') + 2, b.readUInt32LE(record(b, 'DRIVERS') + 2)),
    'directory-loop',
  ],
  ['bytes behind the last record', (b) => b.writeUInt8(1, little(b, PVD + 158) + 2047), 'unused-field'],
  ['the root elsewhere', (b) => both32(b, PVD + 158, 99_999), 'extent-outside'],
]

/** From the record of B.BIN;1 to the next record place of its sector, where nothing is. */
function crossing(bytes: Buffer): number {
  const at = record(bytes, 'B.BIN;1')
  const free = at + (bytes[at] ?? 0)
  // Moved to the end of the sector, so that 254 bytes leave it.
  const place = at - (at % SECTOR) + SECTOR - 120
  let next = free
  while (next < place) {
    const length = Math.min(112, place - next)
    bytes.copy(bytes, next, at, at + length)
    bytes.writeUInt8(length, next)
    next += length
  }
  return place - at
}

function dotDot(bytes: Buffer): number {
  const self = little(bytes, record(bytes, 'DRIVERS') + 2)
  return self + (bytes[self] ?? 0)
}

const JOLIET: readonly Fault[] = [
  ['root, big-endian half', (b) => b.writeUInt32BE(1, SVD + 162), 'both-endian'],
  ['root elsewhere', (b) => both32(b, SVD + 158, b.readUInt32LE(SVD + 158) + 1), 'directory-self'],
  ['an odd identifier', (b) => b.writeUInt8(11, wide(b, 'ks.cfg') + 32), 'joliet-identifier'],
  ['a forbidden character', (b) => b.writeUInt8(0x3a, wide(b, 'ks.cfg') + 34), 'joliet-identifier'],
  ['a control character', (b) => b.writeUInt8(0x01, wide(b, 'ks.cfg') + 34), 'joliet-identifier'],
  ['another size', (b) => both32(b, wide(b, 'recipe.json') + 10, 2), 'joliet-agreement'],
  ['another extent', (b) => both32(b, wide(b, 'recipe.json') + 2, 40), 'joliet-agreement'],
  ['another name', (b) => b.writeUInt8(0x72 + 1, wide(b, 'recipe.json') + 34), 'joliet-name'],
  ['records in another order', (b) => b.writeUInt8(0x7a, wide(b, 'ks.cfg') + 34), 'record-order'],
  ['records in the order of stems', (b) => b.write('0061002d', wide(b, 'more') + 33, 'hex'), 'record-order-relaxed'],
  ['".." that is the directory itself', jolietParent, 'joliet-parent'],
  ['a character of two halves', (b) => b.write('d83dde00', wide(b, 'ks.cfg') + 33, 'hex'), 'joliet-identifier-long'],
  ['another file in place of one', anotherFile, 'joliet-missing'],
  ['a file in place of another one', anotherFile, 'joliet-extra'],
  ['another number', (b) => b.writeUInt8(0x32, wide(b, 'd__1') + 33 + 7), 'mangling'],
  ['another identity', (b) => b.writeUInt8(1, SVD + 883 + 20), 'identity'],
]

function jolietParent(bytes: Buffer): void {
  const self = little(bytes, wide(bytes, 'drivers') + 2)
  both32(bytes, self + (bytes[self] ?? 0) + 2, self / SECTOR)
}

function anotherFile(bytes: Buffer): void {
  both32(bytes, wide(bytes, 'recipe.json') + 10, 2)
  bytes.writeUInt8(0x73, wide(bytes, 'recipe.json') + 34)
}

test.for([...RECORDS, ...JOLIET])('noticed: %s', async (fault) => {
  expect(await foundIn(dataImage, fault)).toContain(`error ${fault[2]} `)
})

test('files that another writer would have numbered in another order are told from each other by their contents', async () => {
  const image = await imageOf([file('a*.t', '1'), file('a?.t', '2')])
  swap(image, wide(image, 'a_.t') + 2, wide(image, 'a__1.t') + 2, 16)
  const found = lines(await lintBytes(image)).join()
  expect(found).toContain('error mangling ')
  expect(found).not.toContain('joliet-agreement')
})

test('a name that was cut may have a number as xorriso writes it', async () => {
  const long = 'x'.repeat(70)
  const image = await imageOf([file(`${long}a`), file(`${long}b`)])
  const last = wide(image, 'x_1') + 33
  image.write('x', last + 3)
  const found = lines(await lintBytes(image)).join()
  expect(found).toContain('error mangling ')
  expect(found).not.toContain('joliet-name')
})
