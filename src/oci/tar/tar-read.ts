import { isUtf8 } from 'node:buffer'
import { AppError } from '../../shared/errors.ts'
import type { ByteReader } from './byte-reader.ts'
import { byteReader } from './byte-reader.ts'
import type { TarHeader, TarType } from './tar-fields.ts'
import {
  BLOCK,
  checksum,
  fieldAt,
  numberAt,
  paddingOf,
  pathBytes,
  paxRecords,
  storedChecksum,
  TYPE_FLAG,
  untilNul,
} from './tar-fields.ts'

/** One file of an archive. What is not read of its content is skipped when the next one is asked for. */
export interface TarMember {
  readonly header: TarHeader
  content(): AsyncGenerator<Uint8Array>
}

const TYPES = new Map<string, TarType>([
  ...Object.entries(TYPE_FLAG).map(([type, flag]) => [flag, type as TarType] as const),
  ['\0', 'file'],
  ['7', 'file'],
])

/** Records and long names before one file; more is no archive of ours. */
const MAX_EXTENSION_BYTES = 8 * 1024 * 1024

/** A path on Linux is not longer. */
const MAX_PATH = 4096

/** GNU tar and Go write attributes under this key, in raw bytes: that is why pax records are never made text here. */
const XATTR_PREFIX = 'SCHILY.xattr.'

/**
 * The files of a tar archive in order: ustar, pax (POSIX.1-2017) and GNU long names, which is all that layers of container
 * images have. Attributes keep their bytes: a file capability is no UTF-8.
 * @throws `archive-invalid` when it is no archive, is cut off, has sparse files, or names that are not UTF-8
 */
export async function* readTar(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<TarMember> {
  const reader = byteReader(chunks, name)
  const global = new Map<string, Buffer>()
  let local = new Map<string, Buffer>()
  let room = MAX_EXTENSION_BYTES
  async function extension(size: number): Promise<Buffer> {
    room -= size
    if (room < 0) throw unusable(name, 'a header in it is too large')
    return (await reader.take(size + paddingOf(size))).subarray(0, size)
  }
  try {
    for (;;) {
      const block = await reader.take(BLOCK)
      // An archive ends with zeros, or just ends. What follows is read: a digest is over all of it.
      if (block.length === 0 || block.every((byte) => byte === 0)) return await reader.drain()
      if (block.length < BLOCK || checksum(block) !== storedChecksum(block))
        throw unusable(name, 'it is no tar archive')
      const flag = String.fromCharCode(block[156] ?? 0)
      const size = numberAt(block, 124, 12)
      if (flag === 'x' || flag === 'g') {
        const records = paxRecords(await extension(size), (state) => unusable(name, state))
        for (const [key, value] of records) (flag === 'x' ? local : global).set(key, value)
      } else if (flag === 'L' || flag === 'K') {
        local.set(flag === 'L' ? 'path' : 'linkpath', untilNul(await extension(size)))
      } else {
        yield* member(reader, block, flag, new Map([...global, ...local]), name)
        local = new Map()
        room = MAX_EXTENSION_BYTES - bytesIn(global)
      }
    }
  } finally {
    await reader.close()
  }
}

async function* member(
  reader: ByteReader,
  block: Buffer,
  flag: string,
  records: ReadonlyMap<string, Buffer>,
  name: string,
): AsyncGenerator<TarMember> {
  const header = headerOf(block, flag, records, name)
  // The size of a directory or link is no content (POSIX), whatever a header says.
  let left = header.size
  yield {
    header,
    async *content() {
      const length = left
      left = 0
      yield* reader.stream(length)
    },
  }
  for await (const _ of reader.stream(left + paddingOf(header.size))) {
    // Skipped.
  }
}

function bytesIn(records: ReadonlyMap<string, Buffer>): number {
  let bytes = 0
  for (const [key, value] of records) bytes += key.length + value.length
  return bytes
}

function headerOf(block: Buffer, flag: string, records: ReadonlyMap<string, Buffer>, name: string): TarHeader {
  const type = TYPES.get(flag)
  const path = text(records.get('path') ?? pathBytes(block), name)
  if (type === undefined || [...records.keys()].some((key) => key.startsWith('GNU.sparse.'))) {
    throw unusable(name, `"${path}" is a kind of file that no layer has (${JSON.stringify(flag)})`)
  }
  const decimal = (key: string, at: number, length: number) => {
    const record = records.get(key)?.toString()
    const value = record === undefined ? numberAt(block, at, length) : Number(record)
    if (!Number.isSafeInteger(value) || value < 0) throw unusable(name, `the ${key} of "${path}" is no number`)
    return value
  }
  const link = text(records.get('linkpath') ?? fieldAt(block, 157, 100), name)
  if (path.length > MAX_PATH || link.length > MAX_PATH) throw unusable(name, 'a path in it is too long')
  return {
    path,
    type,
    mode: numberAt(block, 100, 8) & 0o7777,
    uid: decimal('uid', 108, 8),
    gid: decimal('gid', 116, 8),
    size: type === 'file' ? decimal('size', 124, 12) : 0,
    link,
    major: type === 'character' || type === 'block' ? numberAt(block, 329, 8) : 0,
    minor: type === 'character' || type === 'block' ? numberAt(block, 337, 8) : 0,
    xattrs: xattrsOf(records),
  }
}

function xattrsOf(records: ReadonlyMap<string, Buffer>): Map<string, Buffer> {
  const found = new Map<string, Buffer>()
  for (const [key, value] of records) if (key.startsWith(XATTR_PREFIX)) found.set(key.slice(XATTR_PREFIX.length), value)
  return found
}

/** Bytes that are no text would become other bytes on the way, and two names perhaps the same. */
function text(bytes: Buffer, name: string): string {
  if (!isUtf8(bytes)) throw unusable(name, `"${bytes.toString('utf8', 0, 200)}" in it is not UTF-8`)
  return bytes.toString()
}

function unusable(name: string, state: string): AppError {
  return new AppError('archive-invalid', `Cannot read ${name}: ${state}`)
}
