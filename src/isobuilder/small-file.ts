import { closeSync, constants, openSync, readSync } from 'node:fs'
import { cannot } from '../shared/system-error.ts'

/**
 * Files of a tree are mostly small, and each trip to the thread pool costs more than such a read: twenty thousand files
 * take a quarter of a second this way, ten seconds the other.
 */
export const SMALL_BYTES = 64 * 1024

/** To open a pipe that came in place of the file would be to wait for its other end. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** Files are read one behind the other into blocks of this size: memory for each of them costs as much as the reading. */
const BLOCK_BYTES = 1024 * 1024

/** Read at most: a byte more than a small file has, so that nobody has to ask for its size first. */
const MOST = SMALL_BYTES + 1

let block = Buffer.alloc(0)
let filled = 0

/**
 * All of a small file, read at once without the thread pool; undefined when it is larger than small.
 * @throws `iso-plan`
 */
export function readSmallFile(path: string): Buffer | undefined {
  try {
    const file = openSync(path, FLAGS)
    try {
      return readAll(file)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    return cannot('iso-plan', `read "${path}"`)(error)
  }
}

/** The bytes up to the end of the file. A file system in user space may give less at a time than there is. */
function readAll(file: number): Buffer | undefined {
  if (block.length - filled < MOST) {
    block = Buffer.allocUnsafeSlow(BLOCK_BYTES)
    filled = 0
  }
  const start = filled
  let end = start
  while (end - start < MOST) {
    const count = readSync(file, block, end, start + MOST - end, end - start)
    if (count === 0) {
      filled = end
      return block.subarray(start, end)
    }
    end += count
  }
  return undefined
}
