import { ENTRY_BYTES } from './geometry.ts'
import type { ShortName } from './names.ts'

/** What an entry of a directory says (FAT specification section 6). */
export interface FatEntry {
  /** As it is to be shown. */
  readonly name: string
  readonly short: ShortName
  readonly isDirectory: boolean
  /** 0 for an empty file, and for the root in a ".." entry. */
  readonly cluster: number
  /** Bytes; 0 for a directory. */
  readonly size: number
}

const ATTRIBUTE = { volume: 0x08, directory: 0x10, archive: 0x20, longName: 0x0f } as const

/** 1980-01-01, the first day FAT can say. No clock in an image. */
const DATE = (1 << 5) | 1

/** UTF-16 characters in one long-name entry, and where they stand (FAT specification section 7.1). */
const LONG_CHARACTERS = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30] as const

/** The last long-name entry, which comes first, has this bit in its number. */
const LAST_LONG = 0x40

/** How many entries of 32 bytes a name takes. */
export function entriesFor({ name, short }: Pick<FatEntry, 'name' | 'short'>): number {
  return short.isAlias ? 1 + Math.ceil(name.length / LONG_CHARACTERS.length) : 1
}

/** The volume label in the root directory. */
export function labelEntry(label: string): Buffer {
  return shortEntry(Buffer.from(label.padEnd(11).slice(0, 11), 'latin1'), ATTRIBUTE.volume, 0, 0)
}

/** "." and "..", the first two entries of every directory but the root. */
export function dotEntries(own: number, above: number): Buffer {
  const dot = (name: string, cluster: number) =>
    shortEntry(Buffer.from(name.padEnd(11), 'latin1'), ATTRIBUTE.directory, cluster, 0)
  return Buffer.concat([dot('.', own), dot('..', above)])
}

/** Long-name entries, last part first, and the 8.3 entry. */
export function entryBytes(entry: FatEntry): Buffer {
  const { short, isDirectory, cluster, size } = entry
  const own = shortEntry(short.bytes, isDirectory ? ATTRIBUTE.directory : ATTRIBUTE.archive, cluster, size)
  return short.isAlias ? Buffer.concat([longEntries(entry.name, short.bytes), own]) : own
}

function shortEntry(name: Buffer, attributes: number, cluster: number, size: number): Buffer {
  const bytes = Buffer.alloc(ENTRY_BYTES)
  name.copy(bytes)
  bytes[11] = attributes
  for (const at of [16, 18, 24]) bytes.writeUInt16LE(DATE, at) // created, accessed, written
  bytes.writeUInt16LE(cluster >>> 16, 20)
  bytes.writeUInt16LE(cluster & 0xffff, 26)
  bytes.writeUInt32LE(size, 28)
  return bytes
}

function longEntries(name: string, short: Buffer): Buffer {
  const width = LONG_CHARACTERS.length
  const count = Math.ceil(name.length / width)
  const checksum = checksumOf(short)
  const parts: Buffer[] = []
  for (let number = count; number >= 1; number--) {
    const bytes = Buffer.alloc(ENTRY_BYTES)
    bytes[0] = number === count ? number | LAST_LONG : number
    bytes[11] = ATTRIBUTE.longName
    bytes[13] = checksum
    for (const [index, at] of LONG_CHARACTERS.entries()) {
      const position = (number - 1) * width + index
      // A name that does not fill its last entry ends with a 0, and the rest is ones.
      const code = position < name.length ? name.charCodeAt(position) : position === name.length ? 0 : 0xffff
      bytes.writeUInt16LE(code, at)
    }
    parts.push(bytes)
  }
  return Buffer.concat(parts)
}

/** Ties the long name to its 8.3 entry (FAT specification section 7.2). */
function checksumOf(short: Buffer): number {
  let sum = 0
  for (const byte of short) sum = ((((sum & 1) << 7) | (sum >> 1)) + byte) & 0xff
  return sum
}
