import { SECTOR } from './constants.ts'
import type { Section } from './reader-medium.ts'
import { both32, unreadable } from './reader-medium.ts'

/** A directory record as it stands in the image (ECMA-119 9.1). */
export interface RawRecord extends Section {
  readonly flags: number
  readonly identifier: Buffer
  readonly systemUse: Buffer
}

/** Bytes of a record with an identifier of one byte (ECMA-119 9.1). */
export const ROOT_RECORD = 34

/** More than any image we know; each record takes memory here. */
export const MAX_ENTRIES = 500_000

/**
 * The records of a directory, "." and ".." included. @throws `iso-read` when one is shorter than its parts or leaves its
 * sector, or when there are more than `limit`.
 */
export function parseRecords(bytes: Buffer, path: string, limit = MAX_ENTRIES): RawRecord[] {
  const records: RawRecord[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = bytes[at] ?? 0
    const sectorEnd = at - (at % SECTOR) + SECTOR
    if (length === 0) {
      at = sectorEnd // The rest of a sector is unused (ECMA-119 6.8.1.1).
      continue
    }
    if (at + length > Math.min(sectorEnd, bytes.length)) throw unreadable(`a record of "/${path}" leaves its sector`)
    if (records.length > limit) throw unreadable(`it has more than ${limit} files`)
    records.push(parseRecord(bytes.subarray(at, at + length), path))
    at += length
  }
  return records
}

/** One record, given exactly. */
export function parseRecord(bytes: Buffer, path: string): RawRecord {
  const identifierBytes = bytes[32] ?? 0
  if (bytes.length < ROOT_RECORD || identifierBytes === 0 || 33 + identifierBytes > bytes.length) {
    throw unreadable(`a record of "/${path}" is too short`)
  }
  if (bytes[26] !== 0 || bytes[27] !== 0) throw unreadable(`a file of "/${path}" is interleaved`)
  const systemUse = 33 + identifierBytes + ((identifierBytes + 1) % 2)
  return {
    // The content begins behind an extended attribute record (ECMA-119 9.1.2, 9.1.3).
    sector: both32(bytes, 2, `the location of a file of "/${path}"`) + (bytes[1] ?? 0),
    bytes: both32(bytes, 10, `the length of a file of "/${path}"`),
    flags: bytes[25] ?? 0,
    identifier: bytes.subarray(33, 33 + identifierBytes),
    systemUse: bytes.subarray(systemUse),
  }
}
