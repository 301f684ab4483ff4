import type { Transform } from 'node:stream'
import { giveBack } from './chunk-memory.ts'
import { zstdBinding } from './zstd-binding.ts'

/** Every chunk but the last one has so many bytes: as many as a write to a disk. */
const OUTPUT_BYTES = 1024 * 1024

/**
 * Decompresses zstd, any number of frames one after another (RFC 8878 3.1), as pzstd and `cat a.zst b.zst` make them.
 * node:zlib of Node 24 ends silently after the first frame, so it is never used (docs/decisions/0001). The library is
 * loaded at the first call. It works on the calling thread: not for a server's event loop. It takes the chunks of `source`: their
 * memory is given back. What it yields is the reader's.
 */
export async function* zstdDecompressed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const { DCtx } = await zstdBinding()
  const context = new DCtx()
  let output = Buffer.allocUnsafeSlow(OUTPUT_BYTES)
  let filled = 0
  let inFrame = false
  for await (const chunk of source) {
    let input: Uint8Array = chunk
    for (;;) {
      if (filled === OUTPUT_BYTES) {
        yield output
        output = Buffer.allocUnsafeSlow(OUTPUT_BYTES)
        filled = 0
      }
      const room = output.subarray(filled)
      const [left, produced, consumed] = context.decompressStream(room, input)
      inFrame = left !== 0
      filled += produced
      input = input.subarray(consumed)
      // A full buffer may have left something inside of the decompressor.
      if (input.length === 0 && (produced < room.length || left === 0)) break
    }
    giveBack(chunk)
  }
  if (inFrame) throw new Error('the compressed content ends in the middle of a frame')
  if (filled > 0) yield output.subarray(0, filled)
}

/** Compresses into one zstd frame with a content checksum. `level` is 1 (fast) to 19 (small). */
export async function zstdCompressor(level: number): Promise<Transform> {
  const { CompressStream } = await import('zstd-napi')
  return new CompressStream({ compressionLevel: level, checksumFlag: true })
}

/** A piece of a known size that was compressed by itself, in one frame or several. @throws when it is another size */
export async function zstdBlockDecompressor(): Promise<(block: Uint8Array, size: number) => Buffer> {
  const { DCtx, ResetDirective } = await zstdBinding()
  const context = new DCtx()
  return (block, size) => {
    const output = Buffer.allocUnsafeSlow(size)
    context.reset(ResetDirective.sessionOnly)
    let filled = 0
    let input: Uint8Array = block
    while (filled < size) {
      const [, produced, consumed] = context.decompressStream(output.subarray(filled), input)
      if (produced === 0 && consumed === 0)
        throw new Error(`the compressed block ends after ${filled} of ${size} bytes`)
      filled += produced
      input = input.subarray(consumed)
    }
    return output
  }
}
