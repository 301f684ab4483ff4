import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { cannot } from './system-error.ts'

/**
 * Files of a tree are mostly small, and each trip to the thread pool costs more than such a read: twenty thousand files
 * take a quarter of a second this way, ten seconds the other.
 */
export const SMALL_BYTES = 64 * 1024

/** To open a pipe that came in place of the file would be to wait for its other end. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/**
 * All of a small file, read at once without the thread pool; undefined when it is larger than small, or no regular file.
 * @throws `iso-plan`
 */
export function readSmallFile(path: string): Buffer | undefined {
  try {
    const file = openSync(path, FLAGS)
    try {
      const stat = fstatSync(file)
      return stat.isFile() && stat.size <= SMALL_BYTES ? readAll(file, stat.size) : undefined
    } finally {
      closeSync(file)
    }
  } catch (error) {
    return cannot('iso-plan', `read "${path}"`)(error)
  }
}

/** Up to `size` bytes: fewer when somebody cuts the file off meanwhile. */
function readAll(file: number, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size)
  let done = 0
  while (done < size) {
    const count = readSync(file, bytes, done, size - done, done)
    if (count === 0) break
    done += count
  }
  return bytes.subarray(0, done)
}
