/** Everything in a tar archive lies in blocks (POSIX.1-2017 pax, "ustar Interchange Format"). */
export const BLOCK = 512

const SLASH = Buffer.from('/')

/** Type flags of ustar that stand for a file of some kind. */
export const TYPE_FLAG = {
  file: '0',
  link: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
} as const

export type TarType = keyof typeof TYPE_FLAG

/** What a header says, with what pax records or GNU headers before it say better. */
export interface TarHeader {
  /** As written: it may begin with `./` or `/`. */
  readonly path: string
  readonly type: TarType
  /** Permission bits with set-user-id, set-group-id and sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes of content; 0 for all but files. */
  readonly size: number
  /** Target of a symbolic link, or path of the file that a hard link is another name of. */
  readonly link: string
  readonly major: number
  readonly minor: number
  /** Extended attributes, by name. */
  readonly xattrs: ReadonlyMap<string, Buffer>
}

/** Bytes that fill the last block of so many bytes. */
export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK
}

/** The sum of all bytes of a header, with spaces where the sum itself stands. */
export function checksum(header: Uint8Array): number {
  let sum = 0
  for (let index = 0; index < BLOCK; index++) sum += index >= 148 && index < 156 ? 0x20 : (header[index] ?? 0)
  return sum
}

/**
 * `LENGTH KEY=VALUE\n`, the length counting the whole record (POSIX.1-2017 "pax Extended Header"). Values are bytes: a file
 * capability is no UTF-8. `broken` makes the error for what is none.
 */
export function* paxRecords(bytes: Buffer, broken: (state: string) => Error): Generator<readonly [string, Buffer]> {
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at)
    const length = Number(bytes.toString('latin1', at, space))
    const equals = bytes.indexOf(0x3d, space)
    const isWhole =
      Number.isSafeInteger(length) && space < equals && equals < at + length && at + length <= bytes.length
    if (space === -1 || !isWhole) throw broken('a pax record in it is broken')
    yield [bytes.toString('utf8', space + 1, equals), bytes.subarray(equals + 1, at + length - 1)]
    at += length
  }
}

/** Octal digits, or base 256 when the first bit is set (GNU tar). */
export function numberAt(block: Buffer, at: number, length: number): number {
  if (((block[at] ?? 0) & 0x80) === 0) return octalAt(block, at, length)
  let value = (block[at] ?? 0) & 0x7f
  for (let index = at + 1; index < at + length; index++) value = value * 256 + (block[index] ?? 0)
  return value
}

/** What the header itself says its sum is. */
export function storedChecksum(block: Buffer): number {
  return octalAt(block, 148, 8)
}

/**
 * Name and, in ustar alone, the prefix before it: GNU tar's own format, whose magic is `ustar` and blanks, keeps times where the
 * prefix would be.
 */
export function pathBytes(block: Buffer): Buffer {
  const own = fieldAt(block, 0, 100)
  const prefix = block.toString('latin1', 257, 263) === 'ustar\0' ? fieldAt(block, 345, 155) : own.subarray(0, 0)
  return prefix.length === 0 ? own : Buffer.concat([prefix, SLASH, own])
}

export function fieldAt(block: Buffer, at: number, length: number): Buffer {
  return untilNul(block.subarray(at, at + length))
}

export function untilNul(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0)
  return end === -1 ? bytes : bytes.subarray(0, end)
}

function octalAt(block: Buffer, at: number, length: number): number {
  const digits = /[0-7]+/.exec(block.toString('latin1', at, at + length))?.[0]
  return digits === undefined ? 0 : Number.parseInt(digits, 8)
}
