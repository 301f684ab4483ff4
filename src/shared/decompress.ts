import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { AppError } from './errors.ts'
import { zstdDecompressed } from './zstd-decompress.ts'
import { checkZstdWindow, ZSTD_HEAD_BYTES } from './zstd-window.ts'

export type Compression = 'gzip' | 'zstd' | 'none'

/** Bytes that tell: gzip RFC 1952 2.3.1; zstd frame and skippable frame RFC 8878 3.1.1, 3.1.2. Media types lie. */
export function compressionOf(head: Uint8Array): Compression {
  const [a, b, c, d] = head
  if (a === 0x1f && b === 0x8b) return 'gzip'
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd'
  if (a !== undefined && a >= 0x50 && a <= 0x5f && b === 0x2a && c === 0x4d && d === 0x18) return 'zstd'
  return 'none'
}

/**
 * The content, decompressed by what its first bytes say. Its chunks are the reader's to keep.
 * @throws `image-unusable` when it is cut off or damaged, or needs too much memory; an error of `source` stays what it is
 */
export async function* decompressed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { head, whole } = await peek(source, ZSTD_HEAD_BYTES)
  // Several gzip members or zstd frames in a row are one content (RFC 1952 2.2, RFC 8878 3.1).
  const compression = compressionOf(head)
  switch (compression) {
    case 'gzip':
      return yield* ofContent(compression, whole, gunzipped)
    case 'zstd':
      checkZstdWindow(head)
      return yield* ofContent(compression, whole, zstdDecompressed)
    case 'none':
      return yield* whole
  }
}

async function* ofContent(
  compression: Compression,
  source: AsyncIterable<Uint8Array>,
  decompress: (source: AsyncIterable<Uint8Array>) => AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const failures = new Set<unknown>()
  async function* watched(): AsyncGenerator<Uint8Array> {
    try {
      yield* source
    } catch (error) {
      failures.add(error)
      throw error
    }
  }
  try {
    yield* decompress(watched())
  } catch (cause) {
    if (failures.has(cause) || cause instanceof AppError) throw cause
    throw new AppError('image-unusable', `Cannot decompress the content: it is damaged ${compression}`, { cause })
  }
}

/** zlib works on a thread of its own, so larger pieces are fewer changes between threads. */
const GUNZIP_CHUNK = 256 * 1024

async function* gunzipped(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: GUNZIP_CHUNK })
  const readable = Readable.from(source, { objectMode: false, highWaterMark: 4 * GUNZIP_CHUNK })
  // An error of either is thrown by the iteration.
  pipeline(readable, gunzip, () => undefined)
  yield* gunzip as AsyncIterable<Buffer>
}

/** The first bytes of a stream, fewer only when there are no more, and the whole stream again. */
export async function peek(source: AsyncIterable<Uint8Array>, bytes: number) {
  const iterator = source[Symbol.asyncIterator]()
  const first: Uint8Array[] = []
  let size = 0
  while (size < bytes) {
    const next = await iterator.next()
    if (next.done) break
    first.push(next.value)
    size += next.value.length
  }
  async function* whole(): AsyncGenerator<Uint8Array> {
    try {
      yield* first
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value
    } finally {
      await iterator.return?.()
    }
  }
  return { head: Buffer.concat(first), whole: whole() }
}
