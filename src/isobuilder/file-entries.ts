import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Digest } from '../shared/digest.ts'
import type { DraftEntry } from './draft.ts'
import { unreadFile } from './draft.ts'
import type { ReadFiles } from './reading-thread.ts'
import { readingThread } from './reading-thread.ts'
import { readSmallFile, SMALL_BYTES } from './small-file.ts'
import { bytesSource } from './source.ts'

/** Files from which on a second thread reads: to start it costs as much as to read about this many. */
const MANY = 2000

/** Files that the thread reads at a time, and this one before it listens to the thread. */
const BATCH = 256

/** Batches that the thread has: it reads one while this thread takes what it has read of the other. */
const AHEAD = 2

/** Hex digits of a SHA-256. */
const HEX = 64

export interface FileEntries extends Disposable {
  /** One more regular file, by its path below the directory. */
  add(path: string): void
  /** All of them that can be read, in order. */
  entries(signal: AbortSignal): Promise<DraftEntry[]>
}

/**
 * Files of a tree as entries; small ones are read. When they are many, another thread begins to read while the rest of the
 * tree is still looked at, and then both do.
 * @param heldBytes of small files that may be kept; what is beyond is read while the image is written
 * @param unreadable told of each file that cannot be read
 */
export function fileEntries(
  directory: string,
  heldBytes: number,
  unreadable: (path: string, error: unknown) => void,
): FileEntries {
  const files: string[] = []
  const entries: (DraftEntry | undefined)[] = []
  let room = heldBytes
  let next = 0
  let thread: ReturnType<typeof readingThread> | undefined
  let asked = 0

  function handOver(): void {
    while (thread !== undefined && asked < AHEAD && files.length - next >= BATCH && room >= SMALL_BYTES) {
      const first = next
      next += BATCH
      asked++
      const paths = files.slice(first, next).map((path) => `${directory}/${path}`)
      thread.send({ first, paths })
    }
  }

  function take({ first, bytes, sizes, digests, last }: ReadFiles): void {
    if (last) asked--
    handOver()
    let at = 0
    for (const [index, size] of sizes.entries()) {
      if (size < 0 || size > room) read(first + index)
      else
        hold(first + index, new Uint8Array(bytes, at, size), `sha256:${digests.slice(index * HEX, (index + 1) * HEX)}`)
      at += Math.max(size, 0)
    }
  }

  /** What the thread has read by now. */
  function takeAll(): void {
    for (let done = thread?.answered(); done !== undefined; done = thread?.answered()) take(done)
  }

  function read(index: number): void {
    const path = files[index] ?? ''
    const full = `${directory}/${path}`
    try {
      const bytes = room >= SMALL_BYTES ? readSmallFile(full) : undefined
      if (bytes === undefined) entries[index] = { path, unread: unreadFile(full) }
      else hold(index, bytes)
    } catch (error) {
      unreadable(path, error)
    }
  }

  function hold(index: number, bytes: Uint8Array, digest?: Digest): void {
    room -= bytes.length
    entries[index] = { path: files[index] ?? '', source: bytesSource(bytes, digest) }
  }

  return {
    add(path) {
      files.push(path)
      entries.push(undefined)
      if (files.length === MANY) thread = readingThread()
      takeAll()
      handOver()
    },
    async entries(signal) {
      while (next < files.length) {
        for (const end = Math.min(next + BATCH, files.length); next < end; next++) read(next)
        await nextTurn()
        takeAll()
        signal.throwIfAborted()
      }
      while (thread !== undefined && asked > 0) take(await thread.answer())
      return entries.filter((entry) => entry !== undefined)
    },
    [Symbol.dispose]() {
      thread?.[Symbol.dispose]()
    },
  }
}
