import { AppError } from '../../shared/errors.ts'
import { BLOCK, checksum, numberAt, paddingOf, pathBytes, paxRecords, storedChecksum } from '../tar/tar-fields.ts'

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
  return size + paddingOf(size)
}

/** Undefined for a block of zeros, which is the end. @throws `layout-invalid` when the block is no header */
export function decodeHeader(header: Uint8Array, archive: string): TarEntry | undefined {
  const bytes = Buffer.from(header.buffer, header.byteOffset, BLOCK)
  if (bytes.every((byte) => byte === 0)) return undefined
  if (checksum(bytes) !== storedChecksum(bytes)) throw unusable(archive, 'it is no tar archive, or it is damaged')
  return {
    name: pathBytes(bytes).toString(),
    size: numberAt(bytes, 124, 12),
    type: TYPES[String.fromCharCode(bytes[156] ?? 0)] ?? 'other',
  }
}

/** `path` and `size` of a pax header's records ("pax Header Block"). @throws `layout-invalid` */
export function decodePax(content: Buffer, archive: string): { readonly path?: string; readonly size?: number } {
  const records = new Map(paxRecords(content, (state) => unusable(archive, state)))
  const [path, size] = [records.get('path'), records.get('size')]
  return { ...(path && { path: path.toString() }), ...(size && { size: Number(size.toString()) }) }
}

function unusable(archive: string, state: string): AppError {
  return new AppError('layout-invalid', `Cannot use ${archive}: ${state}`)
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
