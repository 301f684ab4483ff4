import { SECTOR } from './constants.ts'

/** Whole sectors that `bytes` take up. */
export function sectorsOf(bytes: number): number {
  return Math.ceil(bytes / SECTOR)
}

/** Zeros, few of them out of Node's pool: `Buffer.alloc` makes a block of memory for each of thousands of small directories. */
export function zeroed(bytes: number): Buffer {
  return bytes < Buffer.poolSize / 2 ? Buffer.allocUnsafe(bytes).fill(0) : Buffer.alloc(bytes)
}

/** A 16-bit number, little-endian and then big-endian (ECMA-119 7.2.3). */
export function putBoth16(into: Buffer, at: number, value: number): void {
  into.writeUInt16LE(value, at)
  into.writeUInt16BE(value, at + 2)
}

/** A 32-bit number, little-endian and then big-endian (ECMA-119 7.3.3). */
export function putBoth32(into: Buffer, at: number, value: number): void {
  into.writeUInt32LE(value, at)
  into.writeUInt32BE(value, at + 4)
}

/** Text of single bytes, padded with spaces (ECMA-119 7.4.3). */
export function putText(into: Buffer, at: number, length: number, text: string): void {
  into.fill(0x20, at, at + length)
  into.write(text.slice(0, length), at, 'latin1')
}

/** Text in UCS-2 big-endian, padded with U+0020; an odd last byte of the field stays 0 (Joliet "String padding"). */
export function putWideText(into: Buffer, at: number, length: number, text: string): void {
  wideBytes(text.slice(0, length >> 1).padEnd(length >> 1, ' ')).copy(into, at)
}

/** UCS-2, most significant byte first (Joliet "UCS-2 byte order"). */
export function wideBytes(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16()
}

/** The date of every recorded thing: 1980-01-01T00:00:00 UTC in 7 bytes (ECMA-119 9.1.5). No clock in an image. */
export const RECORD_DATE = Uint8Array.of(80, 1, 1, 0, 0, 0, 0)

/** A date of a volume descriptor that is not set: sixteen digits zero, offset 0 (ECMA-119 8.4.26.1). */
export function putUnsetDate(into: Buffer, at: number): void {
  into.fill(0x30, at, at + 16)
  into.writeInt8(0, at + 16)
}
