import type { Source } from '../../isobuilder/source.ts'

/** Bytes read at once: thirty-two of the 2 KiB requests that a BMC makes for a CD. */
const BLOCK = 64 * 1024

/** Blocks kept, 16 MiB: the directories at the front, and where some hundred servers are that boot at a time. */
const KEPT = 256

/** Reads of one source that are answered out of memory when they lie near each other. */
export interface ReadAhead {
  /** The bytes [start, end). For small ranges: all of it is put together. */
  read(start: number, end: number): Promise<Uint8Array>
}

/**
 * Gathers small requests: each block is read once, for all who wait for it. A failed read is forgotten, so the next one
 * tries again. It takes no signal: others may wait for the same block, which is small.
 */
export function readAhead(
  source: Pick<Source, 'size' | 'read'>,
  block: number = BLOCK,
  kept: number = KEPT,
): ReadAhead {
  const blocks = new Map<number, Promise<Uint8Array>>()

  function blockAt(start: number): Promise<Uint8Array> {
    const present = blocks.get(start)
    const reading = present ?? source.read(start, Math.min(block, source.size - start))
    blocks.delete(start)
    blocks.set(start, reading)
    if (present === undefined) {
      reading.catch(() => blocks.delete(start))
      const [oldest] = blocks.keys()
      if (blocks.size > kept && oldest !== undefined) blocks.delete(oldest)
    }
    return reading
  }

  return {
    async read(start, end) {
      if (!(start >= 0 && start <= end && end <= source.size)) {
        throw new RangeError(`Cannot read bytes ${start} to ${end}: there are ${source.size}`)
      }
      const parts: Uint8Array[] = []
      for (let at = start; at < end; ) {
        const first = at - (at % block)
        const until = Math.min(end, first + block)
        parts.push((await blockAt(first)).subarray(at - first, until - first))
        at = until
      }
      const [only] = parts
      return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts)
    },
  }
}
