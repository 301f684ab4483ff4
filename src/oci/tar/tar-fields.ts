/** Everything in a tar archive lies in blocks (POSIX.1-2017 pax, "ustar Interchange Format"). */
export const BLOCK = 512

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
