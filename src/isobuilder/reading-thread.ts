import type { Thread } from '../shared/thread.ts'
import { startThread } from '../shared/thread.ts'
import { SMALL_BYTES } from './small-file.ts'

/** Small files that were read by the thread, one behind the other. */
export interface ReadFiles {
  /** Number of the first. */
  readonly first: number
  readonly bytes: ArrayBuffer
  /** Bytes of each; -1 for one that is not small, or could not be read. */
  readonly sizes: Int32Array
  /** SHA-256 of each, in hex, without anything between them. */
  readonly digests: string
  /** The last of those that were asked for together. */
  readonly last: boolean
}

/** Files to read, by their paths; the first of them has this number. They come in order, in several parts when they are many. */
export interface FilesToRead {
  readonly first: number
  readonly paths: readonly string[]
}

/** Files are read into blocks of this size; each is an answer. */
const BLOCK_BYTES = 1024 * 1024

/** It reads as `readSmallFile` does. */
const WORK = `
const { hash } = require('node:crypto')
const { closeSync, constants, openSync, readSync } = require('node:fs')
const { parentPort, workerData } = require('node:worker_threads')
const { most, blockBytes } = workerData
const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

function read(path, block, start) {
  const file = openSync(path, flags)
  try {
    for (let done = 0; done < most; ) {
      const count = readSync(file, block, start + done, most - done, done)
      if (count === 0) return done
      done += count
    }
    return -1
  } finally {
    closeSync(file)
  }
}

parentPort.on('message', ({ first, paths }) => {
  for (let at = 0; at < paths.length; ) {
    const block = new Uint8Array(blockBytes)
    const sizes = []
    const digests = []
    let filled = 0
    const begin = at
    for (; at < paths.length && blockBytes - filled >= most; at++) {
      let size = -1
      try {
        size = read(paths[at], block, filled)
      } catch {}
      sizes.push(size)
      digests.push(hash('sha256', block.subarray(filled, filled + Math.max(size, 0))))
      filled += Math.max(size, 0)
    }
    const answer = { first: first + begin, bytes: block.buffer, sizes: Int32Array.from(sizes), digests: digests.join('') }
    parentPort.postMessage({ ...answer, last: at === paths.length }, [block.buffer])
  }
})`

/**
 * A second thread that reads small files, for trees of many: half of the time goes into opening, reading and closing them.
 * It says of a file only that it was not read: why, the one who reads it again finds out.
 */
export function readingThread(): Thread<FilesToRead, ReadFiles> {
  return startThread(WORK, { most: SMALL_BYTES + 1, blockBytes: BLOCK_BYTES })
}
