import { AppError } from '../../shared/errors.ts'

/** POSIX.1-2017 pax "ustar Interchange Format": everything lies in blocks of 512 bytes. */
export const BLOCK = 512

export interface TarEntry {
  readonly name: string
  readonly size: number
  readonly type: 'file' | 'directory' | 'pax' | 'pax-global' | 'gnu-long-name' | 'other'
}

const TYPES: Readonly<Record<string, TarEntry['type']>> = {
  '0': 'file',
  '\0': 'file',
  '5': 'directory',
  x: 'pax',
  g: 'pax-global',
  L: 'gnu-long-name',
}

/** Sizes from here on do not fit eleven octal digits; they are written in base 256 (GNU tar, Go, libarchive read it). */
const OCTAL_LIMIT = 8 ** 11

/** One header, or a pax header with its record before it when the name is longer than 100 bytes (sha512 blobs). */
export function encodeHeader(name: string, size: number, directory = false): Buffer {
  const bytes = Buffer.byteLength(name)
  if (bytes <= 100) return block(name, size, directory ? '5' : '0')
  const record = paxRecord('path', name)
  const padding = Buffer.alloc(padded(record.length) - record.length)
  return Buffer.concat([block('pax', record.length, 'x'), record, padding, block(name.slice(0, 100), size, '0')])
}

/** Bytes that content of this size takes, with what fills its last block. */
export function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK
}

/** Undefined for a block of zeros, which is the end. @throws `layout-invalid` when the block is no header */
export function decodeHeader(header: Uint8Array, archive: string): TarEntry | undefined {
  const bytes = Buffer.from(header.buffer, header.byteOffset, BLOCK)
  if (bytes.every((byte) => byte === 0)) return undefined
  if (checksum(bytes) !== octal(bytes.subarray(148, 156))) {
    throw new AppError('layout-invalid', `Cannot use ${archive}: it is no tar archive, or it is damaged`)
  }
  const prefix = bytes.toString('latin1', 257, 262) === 'ustar' ? text(bytes.subarray(345, 500)) : ''
  const name = text(bytes.subarray(0, 100))
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    size: sizeField(bytes.subarray(124, 136)),
    type: TYPES[String.fromCharCode(bytes[156] ?? 0)] ?? 'other',
  }
}

/** `path` and `size` of a pax header's records ("pax Header Block"). */
export function decodePax(content: Uint8Array): { readonly path?: string; readonly size?: number } {
  const found: { path?: string; size?: number } = {}
  const bytes = Buffer.from(content)
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at)
    const length = Number(bytes.toString('latin1', at, space))
    if (space === -1 || !Number.isSafeInteger(length) || length <= space - at) break
    const record = bytes.toString('utf8', space + 1, at + length - 1)
    const equals = record.indexOf('=')
    if (record.slice(0, equals) === 'path') found.path = record.slice(equals + 1)
    if (record.slice(0, equals) === 'size') found.size = Number(record.slice(equals + 1))
    at += length
  }
  return found
}

/** Owner root, no times: the same content gives the same archive. */
function block(name: string, size: number, type: string): Buffer {
  const header = Buffer.alloc(BLOCK)
  header.write(name, 0, 100, 'utf8')
  header.write(type === '5' ? '0000755\0' : '0000644\0', 100, 'latin1')
  header.write('0000000\0', 108, 'latin1')
  header.write('0000000\0', 116, 'latin1')
  if (size < OCTAL_LIMIT) {
    header.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1')
  } else {
    header.writeUInt8(0x80, 124)
    header.writeBigUInt64BE(BigInt(size), 128)
  }
  header.write('00000000000\0', 136, 'latin1')
  header.write(type, 156, 'latin1')
  header.write('ustar\0' + '00', 257, 'latin1')
  header.write('0000000\0' + '0000000\0', 329, 'latin1')
  header.write(`${checksum(header).toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

/** The length counts itself. */
function paxRecord(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`
  const bare = Buffer.byteLength(rest)
  let length = bare + String(bare).length
  length = bare + String(length).length
  return Buffer.from(`${length}${rest}`)
}

/** The sum of all bytes, with spaces where the sum itself stands. */
function checksum(header: Uint8Array): number {
  let sum = 0
  for (let index = 0; index < BLOCK; index++) sum += index >= 148 && index < 156 ? 0x20 : (header[index] ?? 0)
  return sum
}

function sizeField(field: Buffer): number {
  return (field[0] ?? 0) & 0x80 ? Number(field.readBigUInt64BE(4)) : octal(field)
}

function octal(field: Buffer): number {
  const digits = /[0-7]+/.exec(text(field))?.[0]
  return digits === undefined ? 0 : Number.parseInt(digits, 8)
}

function text(field: Buffer): string {
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end === -1 ? field.length : end)
}
