import { putBoth16, putBoth32, RECORD_DATE } from './fields.ts'

/** What a directory record says (ECMA-119 9.1). */
export interface DirectoryRecord {
  /** First sector of the content; 0 when there is none. */
  readonly sector: number
  /** Bytes of the content, at most 2^32 - 1. */
  readonly length: number
  readonly flags: number
  readonly identifier: Uint8Array
  readonly systemUse: readonly Uint8Array[]
}

/** Longest record: the length is one byte, and even. */
export const MAX_RECORD = 254

/** Identifiers of the first two records of a directory (ECMA-119 6.8.2.2). */
export const SELF = Uint8Array.of(0)
export const PARENT = Uint8Array.of(1)

/** 33 fixed bytes, the identifier, and a pad byte if the identifier is even (ECMA-119 9.1.12). */
export function headBytes(identifierBytes: number): number {
  return 33 + identifierBytes + ((identifierBytes + 1) % 2)
}

/** Records have an even length (ECMA-119 9.1.13). */
export function recordBytes(identifierBytes: number, systemUseBytes: number): number {
  const bytes = headBytes(identifierBytes) + systemUseBytes
  return bytes + (bytes % 2)
}

/** Writes a record into zeroed bytes and returns the offset behind it. */
export function putRecord(into: Buffer, at: number, record: DirectoryRecord): number {
  const systemUseBytes = record.systemUse.reduce((sum, entry) => sum + entry.length, 0)
  const length = recordBytes(record.identifier.length, systemUseBytes)
  into[at] = length
  putBoth32(into, at + 2, record.sector)
  putBoth32(into, at + 10, record.length)
  into.set(RECORD_DATE, at + 18)
  into[at + 25] = record.flags
  putBoth16(into, at + 28, 1)
  into[at + 32] = record.identifier.length
  into.set(record.identifier, at + 33)
  let next = at + headBytes(record.identifier.length)
  for (const entry of record.systemUse) {
    into.set(entry, next)
    next += entry.length
  }
  return at + length
}
