import { AppError } from '../../shared/errors.ts'

/** Reads a stream of chunks by counted bytes. */
export interface ByteReader {
  /** Exactly `length` bytes; fewer at the end of the stream. For small things: they are put together. */
  take(length: number): Promise<Buffer>
  /** The next `length` bytes as they come. @throws `archive-invalid` when the stream ends before */
  stream(length: number): AsyncGenerator<Uint8Array>
  /** Reads to the end of the stream. */
  drain(): Promise<void>
  close(): Promise<void>
}

/** `name` is that of the stream, for messages. */
export function byteReader(chunks: AsyncIterable<Uint8Array>, name: string): ByteReader {
  const iterator = chunks[Symbol.asyncIterator]()
  let held: Uint8Array = new Uint8Array(0)

  /** Up to `most` of the bytes that come next; nothing at the end. */
  async function some(most: number): Promise<Uint8Array> {
    while (held.length === 0) {
      const next = await iterator.next()
      if (next.done) return held
      held = next.value
    }
    const part = held.subarray(0, most)
    held = held.subarray(part.length)
    return part
  }

  return {
    async take(length) {
      const parts: Uint8Array[] = []
      for (let missing = length; missing > 0; ) {
        const part = await some(missing)
        if (part.length === 0) break
        parts.push(part)
        missing -= part.length
      }
      return Buffer.concat(parts)
    },
    async *stream(length) {
      for (let missing = length; missing > 0; ) {
        const part = await some(missing)
        if (part.length === 0)
          throw new AppError('archive-invalid', `Cannot read ${name}: it ends in the middle of a file`)
        missing -= part.length
        yield part
      }
    },
    async drain() {
      while ((await some(Number.MAX_SAFE_INTEGER)).length > 0);
    },
    close: async () => void (await iterator.return?.()),
  }
}
