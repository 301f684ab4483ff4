import type { FindingCode, Report } from './finding.ts'

/**
 * This directory shares nothing with the writer or the reader, not even a number: what both misread in the same way, a
 * third must notice. ECMA-119, 2nd edition.
 */
export const BLOCK = 2048

const ZEROS = Buffer.alloc(BLOCK)

/** Bytes of the image and where they stand in it. */
export interface Block {
  readonly bytes: Buffer
  /** Byte of the image. */
  readonly offset: number
}

export function part(block: Block, from: number, to: number = block.bytes.length): Block {
  return { bytes: block.bytes.subarray(from, to), offset: block.offset + from }
}

/** A byte, or 0 behind the end. */
export function byteAt({ bytes }: Block, at: number): number {
  return bytes[at] ?? 0
}

export function le16({ bytes }: Block, at: number): number {
  return (bytes[at] ?? 0) + (bytes[at + 1] ?? 0) * 0x100
}

export function be16({ bytes }: Block, at: number): number {
  return (bytes[at] ?? 0) * 0x100 + (bytes[at + 1] ?? 0)
}

export function le32(block: Block, at: number): number {
  return le16(block, at) + le16(block, at + 2) * 0x10000
}

export function be32(block: Block, at: number): number {
  return be16(block, at) * 0x10000 + be16(block, at + 2)
}

export function le64(block: Block, at: number): number {
  return le32(block, at) + le32(block, at + 4) * 0x1_0000_0000
}

/** A number in both byte orders (ECMA-119 7.2.3); the little-endian one is taken. */
export function both16(report: Report, block: Block, at: number, what: string): number {
  const [little, big] = [le16(block, at), be16(block, at + 2)]
  if (little !== big) report.add('both-endian', block.offset + at, `${what} is ${little} and ${big}`)
  return little
}

/** A number in both byte orders (ECMA-119 7.3.3); the little-endian one is taken. */
export function both32(report: Report, block: Block, at: number, what: string, path?: string): number {
  const [little, big] = [le32(block, at), be32(block, at + 4)]
  if (little !== big) report.add('both-endian', block.offset + at, `${what} is ${little} and ${big}`, path)
  return little
}

/** Reports the first byte that is not zero. */
export function mustBeZero(report: Report, code: FindingCode, block: Block, what: string, path?: string): void {
  // Native, and right nearly always.
  if (block.bytes.equals(ZEROS.subarray(0, block.bytes.length))) return
  const at = block.bytes.findIndex((byte) => byte !== 0)
  if (at !== -1) report.add(code, block.offset + at, `${what} is not zero`, path)
}

/** Order of bytes, as if the shorter had `pad` at its end. */
export function comparePadded(a: Uint8Array, b: Uint8Array, pad: number): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const difference = (a[at] ?? pad) - (b[at] ?? pad)
    if (difference !== 0) return difference
  }
  return 0
}

/** Text for a message: control characters come from the image and must not reach a terminal. */
export function quoted(text: string): string {
  return JSON.stringify(text)
}
