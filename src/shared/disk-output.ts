import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { writeAt } from './file-at.ts'
import { seenLater } from './time.ts'

/** Direct I/O wants offset, length and memory to be multiples of the sector of the disk; none has larger ones. */
const ALIGNMENT = 4096

/** Bytes in the page cache after which the disk begins to take them: left to the end, all would have to be waited for. */
const FLUSH = 32 * 1024 * 1024

/** Where large content goes. Pieces may be written at the same time. */
export interface DiskOutput extends AsyncDisposable {
  /** Writes all of the bytes. */
  write(bytes: Uint8Array, at: number): Promise<void>
  /** Waits for what the disk has begun to take, and tells its failure: the file's next sync would not tell it again. */
  flushed(): Promise<void>
}

/**
 * A file or disk that is written past the page cache, where it can be (open(2), O_DIRECT): to copy an image into the cache
 * costs as much CPU as its SHA-256, a multiple of it on memory that the hypervisor has to find first, and throws out of
 * it what others need (docs/decisions/0064).
 */
export async function diskOutput(file: FileHandle): Promise<DiskOutput> {
  const { O_WRONLY, O_DIRECT } = constants
  // One that cannot be opened so is written the usual way.
  const direct = await open(`/proc/self/fd/${file.fd}`, O_WRONLY | O_DIRECT).catch(() => undefined)
  let flushing: Promise<void> | undefined
  let cached = 0

  async function writeCached(bytes: Uint8Array, at: number): Promise<void> {
    await writeAt(file, bytes, at)
    cached += bytes.length
    if (cached < FLUSH) return
    cached = 0
    // A disk that is slower than we are is waited for: what it has not taken would fill the memory.
    await flushing
    flushing = seenLater(file.datasync())
  }

  return {
    async write(bytes, at) {
      const aligned = at % ALIGNMENT === 0 && bytes.length % ALIGNMENT === 0
      if (direct === undefined || !aligned) return writeCached(bytes, at)
      // What cannot be written so, as memory that begins in the middle of a page, is written the usual way, or fails as usual.
      await writeAt(direct, bytes, at).catch(() => writeCached(bytes, at))
    },
    async flushed() {
      await flushing
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled([flushing])
      await direct?.close()
    },
  }
}

/** Memory that begins on a page, for direct I/O: V8 keeps a buffer that may be resized in pages of its own. */
export function pages(bytes: number): Buffer<ArrayBuffer> {
  return Buffer.from(new ArrayBuffer(bytes, { maxByteLength: bytes }), 0, bytes)
}
