import { AppError } from './errors.ts'

/** A magic number and the longest frame header, RFC 8878 3.1.1. */
export const ZSTD_HEAD_BYTES = 18

/** What the decoder takes for a window at most, so that memory stays bounded: its own limit, ZSTD_WINDOWLOG_LIMIT_DEFAULT. */
const MAX_WINDOW_BYTES = 2 ** 27

/**
 * Looks whether the frame that begins here can be decompressed in bounded memory.
 * @throws `image-unusable` with the way out
 */
export function checkZstdWindow(head: Buffer): void {
  const window = windowBytes(head)
  if (window === undefined || window <= MAX_WINDOW_BYTES) return
  const state = `its zstd needs a window of ${Math.ceil(window / 2 ** 20)} MiB, and 128 MiB is the most. Compress it with --long=27 or without --long`
  throw new AppError('image-unusable', `Cannot decompress the content: ${state}`)
}

/** RFC 8878 3.1.1.1; undefined where no frame begins. */
function windowBytes(head: Buffer): number | undefined {
  if (head.length < ZSTD_HEAD_BYTES || head.readUInt32LE(0) !== 0xfd2fb528) return undefined
  const [descriptor, window] = [head.readUInt8(4), head.readUInt8(5)]
  const isSingleSegment = (descriptor & 0x20) !== 0
  if (!isSingleSegment) {
    const base = 2 ** (10 + (window >> 3))
    return base + (base / 8) * (window & 7)
  }
  // The content is its own window; its size follows the identifier of a dictionary.
  const at = 5 + ([0, 1, 2, 4][descriptor & 3] ?? 0)
  switch (descriptor >> 6) {
    case 0:
      return head.readUInt8(at)
    case 1:
      return head.readUInt16LE(at) + 256
    case 2:
      return head.readUInt32LE(at)
    default:
      return Number(head.readBigUInt64LE(at))
  }
}
