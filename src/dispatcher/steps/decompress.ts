import type { Transform } from 'node:stream'
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { zstdDecompressor } from '../../shared/zstd.ts'

export type Compression = 'gzip' | 'zstd' | 'none'

/** Bytes that tell: gzip RFC 1952 2.3.1; zstd frame and skippable frame RFC 8878 3.1.1, 3.1.2. Media types lie. */
export function compressionOf(head: Uint8Array): Compression {
  const [a, b, c, d] = head
  if (a === 0x1f && b === 0x8b) return 'gzip'
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd'
  if (a !== undefined && a >= 0x50 && a <= 0x5f && b === 0x2a && c === 0x4d && d === 0x18) return 'zstd'
  return 'none'
}

/** A stream of the content, decompressed by what its first bytes say, as the parts of a pipeline. */
export async function contentStreams(source: AsyncIterable<Uint8Array>): Promise<[Readable, ...Transform[]]> {
  const { head, whole } = await peek(source)
  const readable = Readable.from(whole, { objectMode: false, highWaterMark: 1024 * 1024 })
  // Several gzip members or zstd frames in a row are one content (RFC 1952 2.2, RFC 8878 3.1).
  switch (compressionOf(head)) {
    case 'gzip':
      return [readable, createGunzip()]
    case 'zstd':
      return [readable, await zstdDecompressor()]
    case 'none':
      return [readable]
  }
}

/** The first bytes of a stream, and the whole stream again. */
async function peek(source: AsyncIterable<Uint8Array>) {
  const iterator = source[Symbol.asyncIterator]()
  const first: Uint8Array[] = []
  let size = 0
  while (size < 4) {
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
