import type { FileHandle } from 'node:fs/promises'
import type { SegmentedImage } from './segments.ts'
import { readRange } from './segments.ts'

/** Bytes written at a time: a MiB costs the kernel a fifth more (docs/performance.md). */
const CHUNK = 256 * 1024

/** Chunks that are read, and hashed where their digest is not known, while one is written. */
const AHEAD = 2

/** Bytes after which the disk begins to take what was written: left to the end, all of it would have to be waited for. */
const FLUSH = 32 * 1024 * 1024

/**
 * Writes an image into a file that is empty. Reading, hashing, writing and the disk go on at the same time, and the same
 * memory is used again and again. When it ends, however it ends, nothing uses the file any more.
 */
export async function writeImage(image: SegmentedImage, file: FileHandle, signal: AbortSignal): Promise<void> {
  const memory = Array.from({ length: AHEAD + 1 }, () => Buffer.allocUnsafeSlow(Math.min(CHUNK, image.size)))
  const reading: Promise<Uint8Array>[] = []
  let flushing: Promise<void> | undefined
  let next = 0
  function readAhead(): void {
    for (; reading.length < AHEAD && next < image.size; next += CHUNK) {
      const end = Math.min(next + CHUNK, image.size)
      reading.push(seenLater(readRange(image, next, end, signal, memory[(next / CHUNK) % memory.length])))
    }
  }
  try {
    for (let at = 0; at < image.size; at += CHUNK) {
      readAhead()
      const bytes = await reading.shift()
      readAhead()
      if (bytes !== undefined) await writeAt(file, at, bytes)
      if ((at + CHUNK) % FLUSH > 0) continue
      // A disk that is slower than we are is waited for: what it has not taken would fill the memory.
      await flushing
      flushing = seenLater(file.datasync())
    }
    await flushing
  } finally {
    await Promise.allSettled([...reading, flushing])
  }
}

/** Its failure is for the one who waits for it; until then it is no unhandled one. */
function seenLater<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}

/** Writes all of the bytes. */
export async function writeAt(file: FileHandle, at: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten
  }
}
