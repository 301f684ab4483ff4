import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { FindingCode } from '../../../src/isobuilder/lint/finding.ts'
import { planIso } from '../../../src/isobuilder/plan.ts'
import { bytesSource } from '../../../src/isobuilder/source.ts'
import type { Entry } from '../../../src/isobuilder/tree.ts'
import { bytesOf, file, imageOf } from '../image-bytes.ts'
import { lines, lintBytes } from './lint-image.ts'

const SECTOR = 2048
const PVD = 16 * SECTOR
/** Of the image without boot code. */
const SVD = 17 * SECTOR
const END = 18 * SECTOR

const TREE: readonly Entry[] = [
  file('recipe.json', '{}\n'),
  file('user-data', '#cloud-config\n'),
  file('ks.cfg', ''),
  file('drivers/a.bin', 'a'.repeat(3000)),
  file('drivers/more/b.bin', 'b'),
  file('firmware/c.bin', 'c'),
  { path: 'drivers/latest', symlink: '../drivers/a.bin' },
  file('n'.repeat(200), 'long'),
]

const data = await imageOf(TREE, 'TASK_FAULTS')
const boot = await bootable()

async function bootable(): Promise<Buffer> {
  const esp = Buffer.alloc(256 * 1024, 'esp')
  const options = { esp: bytesSource(esp), bios: { image: Buffer.alloc(5000, 'bios') } }
  const result = planIso(TREE, { label: 'TASK_FAULTS', boot: options })
  if (!result.ok) expect.fail(JSON.stringify(result.problems))
  return bytesOf(result.plan)
}

/** Start of the record with that identifier in the primary tree, in the directory that has it. */
function record(bytes: Buffer, identifier: string): number {
  return bytes.indexOf(Buffer.from(identifier, 'latin1'), little(bytes, PVD + 158)) - 33
}

/** The same in the Joliet tree; its records come behind those of the primary tree. */
function wide(bytes: Buffer, name: string): number {
  return bytes.lastIndexOf(Buffer.from(name, 'utf16le').swap16()) - 33
}

/** Start of a system use entry of the record with that identifier. */
function entry(bytes: Buffer, identifier: string, signature: string): number {
  return bytes.indexOf(Buffer.from(signature, 'latin1'), record(bytes, identifier))
}

/** First byte of a table whose sector stands at `at`. */
function little(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) * SECTOR
}

function big(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * SECTOR
}

function both32(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt32LE(value, at)
  bytes.writeUInt32BE(value, at + 4)
}

function swap(bytes: Buffer, a: number, b: number, length: number): void {
  const held = Buffer.from(bytes.subarray(a, a + length))
  bytes.copyWithin(a, b, b + length)
  held.copy(bytes, b)
}

type Fault = [what: string, inject: (bytes: Buffer) => unknown, code: FindingCode]

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

const ROCK_RIDGE: readonly Fault[] = [
  ['no SP', (b) => b.write('XX', little(b, PVD + 158) + 34), 'rock-ridge-missing'],
  ['SP with other check bytes', (b) => b.write('BA', little(b, PVD + 158) + 38), 'rock-ridge'],
  ['SP that skips', (b) => b.writeUInt8(1, little(b, PVD + 158) + 40), 'rock-ridge'],
  ['ER of something else', (b) => b.write('RRIP_2991A', b.indexOf('RRIP_1991A')), 'rock-ridge'],
  ['ER in other words', (b) => b.write('A', b.indexOf('THE ROCK RIDGE')), 'rock-ridge-text'],
  ['PX with mode 0', (b) => both32(b, entry(b, 'RECIPE.JSON;1', 'PX') + 4, 0), 'rock-ridge'],
  ['PX, big-endian half', (b) => b.writeUInt8(1, entry(b, 'RECIPE.JSON;1', 'PX') + 8), 'both-endian'],
  ['PX of another mode', (b) => both32(b, entry(b, 'RECIPE.JSON;1', 'PX') + 4, 0o100644), 'fixed-mode'],
  ['PX of an owner', (b) => both32(b, entry(b, 'RECIPE.JSON;1', 'PX') + 20, 1000), 'fixed-mode'],
  ['PX of two links', (b) => both32(b, entry(b, 'RECIPE.JSON;1', 'PX') + 12, 2), 'rock-ridge-links'],
  ['PX is not there', (b) => b.write('PY', entry(b, 'RECIPE.JSON;1', 'PX')), 'rock-ridge-missing'],
  ['PX too short', (b) => b.writeUInt8(35, entry(b, 'RECIPE.JSON;1', 'PX') + 2), 'rock-ridge'],
  ['PX of version 2', (b) => b.writeUInt8(2, entry(b, 'RECIPE.JSON;1', 'PX') + 3), 'susp-entry'],
  ['TF with month 0', (b) => b.writeUInt8(0, entry(b, 'RECIPE.JSON;1', 'TF') + 6), 'record-date'],
  ['TF with more flags than dates', (b) => b.writeUInt8(0x0f, entry(b, 'RECIPE.JSON;1', 'TF') + 4), 'rock-ridge'],
  ['TF with other flags', (b) => b.writeUInt8(0x0d, entry(b, 'RECIPE.JSON;1', 'TF') + 4), 'fixed-date'],
  ['NM too long', (b) => b.writeUInt8(200, entry(b, 'RECIPE.JSON;1', 'NM') + 2), 'susp-entry'],
  ['NM too short', (b) => b.writeUInt8(8, entry(b, 'RECIPE.JSON;1', 'NM') + 2), 'susp-entry'],
  ['NM with flags', (b) => b.writeUInt8(2, entry(b, 'RECIPE.JSON;1', 'NM') + 4), 'rock-ridge-name'],
  ['NM that goes on', (b) => b.writeUInt8(1, entry(b, 'RECIPE.JSON;1', 'NM') + 4), 'rock-ridge-name'],
  ['NM with a slash', (b) => b.write('/', entry(b, 'RECIPE.JSON;1', 'NM') + 6), 'rock-ridge-name'],
  ['NM of another name', (b) => b.write('R', entry(b, 'RECIPE.JSON;1', 'NM') + 5), 'joliet-name'],
  ['NM is not there', (b) => b.write('NX', entry(b, 'RECIPE.JSON;1', 'NM')), 'rock-ridge-missing'],
  ['SL with an unknown component', (b) => b.writeUInt8(0x10, entry(b, 'LATEST.;1', 'SL') + 5), 'rock-ridge'],
  ['SL on a file', (b) => both32(b, entry(b, 'LATEST.;1', 'PX') + 4, 0o100444), 'rock-ridge-kind'],
  ['CE into another sector', (b) => both32(b, entry(b, 'NNNN', 'CE') + 12, 2040), 'continuation'],
  ['CE outside', (b) => both32(b, entry(b, 'NNNN', 'CE') + 4, 99_999), 'continuation'],
  ['CE of another size', (b) => both32(b, entry(b, 'NNNN', 'CE') + 20, 50), 'susp-entry'],
  ['CE to itself', ceToItself, 'continuation'],
  ['an unknown entry', (b) => b.write('QQ', entry(b, 'RECIPE.JSON;1', 'TF')), 'susp-unknown'],
]

/** The area is the CE entry that leads to it. */
function ceToItself(bytes: Buffer): void {
  const at = entry(bytes, 'NNNN', 'CE')
  both32(bytes, at + 4, Math.floor(at / SECTOR))
  both32(bytes, at + 12, at % SECTOR)
  both32(bytes, at + 20, 28)
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
  ['another identity', (b) => b.writeUInt8(1, SVD + 883 + 20), 'identity'],
]

test.for([...MEDIUM, ...TABLES, ...RECORDS, ...ROCK_RIDGE, ...JOLIET])('noticed: %s', async ([, inject, code]) => {
  const bytes = Buffer.from(data)
  inject(bytes)
  expect(bytes.equals(data)).toBe(false)
  const findings = await lintBytes(bytes)
  expect(lines(findings).join('\n')).toContain(`error ${code} `)
})

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
  ['an entry that emulates', (b) => b.writeUInt8(9, catalog(b) + 33), 'boot-image'],
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

test.for(BOOT)('noticed in an image that boots: %s', async ([, inject, code]) => {
  const bytes = Buffer.from(boot)
  inject(bytes)
  expect(bytes.equals(boot)).toBe(false)
  expect(lines(await lintBytes(bytes)).join('\n')).toContain(`error ${code} `)
})

test('an image cut off, and one with something behind it', async () => {
  expect(lines(await lintBytes(data.subarray(0, data.length - SECTOR))).join()).toMatch(/error space-size /)
  expect(lines(await lintBytes(data.subarray(0, 24 * SECTOR))).join()).toMatch(/error truncated /)
  expect(lines(await lintBytes(Buffer.concat([data, Buffer.alloc(SECTOR)]))).join()).toMatch(/error trailing-bytes /)
})

test('good images have no findings', async () => {
  expect(lines(await lintBytes(data, { contents: true }))).toEqual([])
  expect(lines(await lintBytes(boot, { contents: true }))).toEqual([])
})

test('every tree that can be planned has no findings', async () => {
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
    { numRuns: 300 },
  )
})
