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

/** Hex digits of a SHA-256. */
const HEX = 64

export interface Files {
  readonly directory: string
  /** Paths of regular files, below the directory. */
  readonly files: readonly string[]
  /** Bytes of small files that may be kept; what is beyond is read while the image is written. */
  readonly heldBytes: number
  readonly signal: AbortSignal
  /** Told of each file that cannot be read. */
  unreadable(path: string, error: unknown): void
}

/** The files as entries; small ones are read. Of many, this thread reads from the front and another one from the back. */
export async function fileEntries({ directory, files, heldBytes, signal, unreadable }: Files): Promise<DraftEntry[]> {
  const entries = new Array<DraftEntry | undefined>(files.length).fill(undefined)
  let room = heldBytes
  let front = 0
  let back = files.length
  using thread = files.length < MANY ? undefined : readingThread(take)

  function handOver(): void {
    if (thread === undefined || room < SMALL_BYTES || back - front < 2 * BATCH) return
    back -= BATCH
    const paths = files.slice(back, back + BATCH).map((path) => `${directory}/${path}`)
    thread.read(back, paths)
  }

  function take({ first, bytes, sizes, digests, last }: ReadFiles): void {
    if (last) handOver()
    let at = 0
    for (const [index, size] of sizes.entries()) {
      if (size < 0 || size > room) {
        read(first + index)
        continue
      }
      const digest: Digest = `sha256:${digests.slice(index * HEX, (index + 1) * HEX)}`
      hold(first + index, new Uint8Array(bytes, at, size), digest)
      at += size
    }
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

  // The thread has the next to do while this one takes what it has done.
  handOver()
  handOver()
  while (front < back) {
    for (const end = Math.min(front + BATCH, back); front < end; front++) read(front)
    await nextTurn()
    signal.throwIfAborted()
  }
  await thread?.idle()
  return entries.filter((entry) => entry !== undefined)
}
