import { CompressStream } from 'zstd-napi'

/** Compresses into one zstd frame with a content checksum; 1 is fast, 19 small. */
export function zstdCompressor(level: number): CompressStream {
  return new CompressStream({ compressionLevel: level, checksumFlag: true })
}
