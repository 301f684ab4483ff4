import { Worker } from 'node:worker_threads'
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

export interface ReadingThread extends Disposable {
  /** Reads those files, the first of which has this number. They come in order, in several parts when they are many. */
  read(first: number, paths: readonly string[]): void
  /** Waits until nothing is under way. @throws what `take` threw */
  idle(): Promise<void>
}

/** Files are read into blocks of this size; each is an answer. */
const BLOCK_BYTES = 1024 * 1024

/** A worker cannot import from inside of the executable, so its source is text. It reads as `readSmallFile` does. */
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
export function readingThread(take: (read: ReadFiles) => void): ReadingThread {
  const worker = new Worker(WORK, { eval: true, workerData: { most: SMALL_BYTES + 1, blockBytes: BLOCK_BYTES } })
  let underWay = 0
  let failure: Error | undefined
  let waiting: PromiseWithResolvers<void> | undefined
  function fail(error: Error): void {
    failure ??= error
    waiting?.reject(failure)
  }
  worker.on('message', (read: ReadFiles) => {
    try {
      take(read)
    } catch (error) {
      fail(error as Error)
    }
    if (read.last) underWay--
    if (underWay === 0) waiting?.resolve()
  })
  worker.on('error', fail)
  worker.on('exit', () => fail(new Error('the reading thread ended')))

  return {
    read(first, paths) {
      underWay++
      worker.postMessage({ first, paths })
    },
    async idle() {
      if (failure !== undefined) throw failure
      if (underWay === 0) return
      waiting = Promise.withResolvers()
      await waiting.promise
    },
    [Symbol.dispose]() {
      worker.removeAllListeners()
      void worker.terminate()
    },
  }
}
