import { closeSync, constants, openSync, readSync } from 'node:fs'
import { cannot } from '../shared/system-error.ts'

/**
 * Files of a tree are mostly small, and each trip to the thread pool costs more than such a read: twenty thousand files
 * take a quarter of a second this way, ten seconds the other.
 */
export const SMALL_BYTES = 64 * 1024

/** To open a pipe that came in place of the file would be to wait for its other end. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** Where files are read to, one byte more than a small one has, so that nobody has to ask for its size first. */
const scratch = Buffer.allocUnsafeSlow(SMALL_BYTES + 1)

/**
 * All of a small file, read at once without the thread pool; undefined when it is larger than small.
 * @throws `iso-plan`
 */
export function readSmallFile(path: string): Buffer | undefined {
  try {
    const file = openSync(path, FLAGS)
    try {
      const bytes = readAll(file)
      return bytes > SMALL_BYTES ? undefined : Buffer.from(scratch.subarray(0, bytes))
    } finally {
      closeSync(file)
    }
  } catch (error) {
    return cannot('iso-plan', `read "${path}"`)(error)
  }
}

/** Bytes read up to the end of the file, or of the memory. A file system in user space may give less than there is. */
function readAll(file: number): number {
  let done = 0
  while (done < scratch.length) {
    const count = readSync(file, scratch, done, scratch.length - done, done)
    if (count === 0) break
    done += count
  }
  return done
}
