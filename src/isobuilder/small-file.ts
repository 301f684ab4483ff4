import type { BigIntStats } from 'node:fs'
import { closeSync, fstatSync, lstatSync, openSync, readSync } from 'node:fs'

/**
 * Files of a tree are mostly small, and each trip to the thread pool costs more than such a read: twenty thousand files
 * take half a second this way, ten seconds the other.
 */
export const SMALL_BYTES = 64 * 1024

/** Asked before it is opened: to open a pipe is to wait for its other end. */
export function isSmallFile(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found?.isFile() === true && found.size <= SMALL_BYTES
}

/** A small file, read at once without the thread pool. */
export interface SmallRead {
  readonly before: BigIntStats
  readonly bytes: Buffer
  /** The same as `before`, or somebody has written meanwhile. */
  readonly after: BigIntStats
}

/** Reads up to `length` bytes at `offset`; undefined when the file is larger than small, or is no regular file. */
export function readSmall(path: string, offset: number, length: number): SmallRead | undefined {
  const file = openSync(path, 'r')
  try {
    const before = fstatSync(file, { bigint: true })
    if (!before.isFile() || before.size > SMALL_BYTES) return undefined
    const bytes = Buffer.allocUnsafe(Math.min(length, Math.max(0, Number(before.size) - offset)))
    let done = 0
    while (done < bytes.length) {
      const count = readSync(file, bytes, done, bytes.length - done, offset + done)
      if (count === 0) break
      done += count
    }
    return { before, bytes: bytes.subarray(0, done), after: fstatSync(file, { bigint: true }) }
  } finally {
    closeSync(file)
  }
}
