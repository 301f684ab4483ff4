import { putBoth32, RECORD_DATE } from './fields.ts'

/** Where a directory record leads to (ECMA-119 9.1). */
export interface RecordContent {
  /** First sector; 0 when there is none. */
  readonly sector: number
  /** In bytes, at most 2^32 - 1. */
  readonly length: number
  readonly flags: number
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

/** What all records have in common: the date, and volume 1 in both byte orders. */
const HEAD = Uint8Array.of(...new Array(18).fill(0), ...RECORD_DATE, 0, 0, 0, 1, 0, 0, 1)

/** Writes a record into zeroed bytes, without its system use; returns the offset at which that begins. */
export function putRecord(
  into: Buffer,
  at: number,
  { sector, length, flags }: RecordContent,
  identifier: Uint8Array,
  systemUseBytes: number,
): number {
  into.set(HEAD, at)
  into[at] = recordBytes(identifier.length, systemUseBytes)
  putBoth32(into, at + 2, sector)
  putBoth32(into, at + 10, length)
  into[at + 25] = flags
  into[at + 32] = identifier.length
  into.set(identifier, at + 33)
  return at + headBytes(identifier.length)
}
