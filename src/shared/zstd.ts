import type { Transform } from 'node:stream'

/**
 * Decompresses zstd, any number of frames one after another (RFC 8878 3.1), as pzstd and `cat a.zst b.zst` make them.
 * node:zlib of Node 24 ends silently after the first frame, so it is never used (docs/decisions/0001). The library is
 * loaded at the first call. It works on the calling thread: not for a server's event loop.
 */
export async function zstdDecompressor(): Promise<Transform> {
  const { DecompressStream } = await import('zstd-napi')
  return new DecompressStream()
}

/** Compresses into one zstd frame with a content checksum. `level` is 1 (fast) to 19 (small). */
export async function zstdCompressor(level: number): Promise<Transform> {
  const { CompressStream } = await import('zstd-napi')
  return new CompressStream({ compressionLevel: level, checksumFlag: true })
}
