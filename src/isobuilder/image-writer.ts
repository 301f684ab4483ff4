import type { FileHandle } from 'node:fs/promises'
import { diskOutput, pages } from '../shared/disk-output.ts'
import { seenLater } from '../shared/time.ts'
import type { SegmentedImage } from './segments.ts'
import { readRange } from './segments.ts'

/** Bytes written at a time: each is waited for until the disk has it, and with less the waiting is felt. */
const CHUNK = 1024 * 1024

/** Chunks that are read, and hashed where their digest is not known, while one is written. */
const AHEAD = 2

/**
 * Writes an image into a file that is empty. Reading, hashing, writing and the disk go on at the same time, and the same
 * memory is used again and again. When it ends, however it ends, nothing uses the file any more.
 */
export async function writeImage(image: SegmentedImage, file: FileHandle, signal: AbortSignal): Promise<void> {
  const memory = Array.from({ length: AHEAD + 1 }, () => pages(Math.min(CHUNK, image.size)))
  const reading: Promise<Uint8Array>[] = []
  let next = 0
  function readAhead(): void {
    for (; reading.length < AHEAD && next < image.size; next += CHUNK) {
      const end = Math.min(next + CHUNK, image.size)
      reading.push(seenLater(readRange(image, next, end, signal, memory[(next / CHUNK) % memory.length])))
    }
  }
  await using output = await diskOutput(file)
  try {
    for (let at = 0; at < image.size; at += CHUNK) {
      readAhead()
      const bytes = await reading.shift()
      readAhead()
      if (bytes !== undefined) await output.write(bytes, at)
    }
    await output.flushed()
  } finally {
    await Promise.allSettled(reading)
  }
}
