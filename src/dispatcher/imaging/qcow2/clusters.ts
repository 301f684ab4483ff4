import { constants, inflateRawSync } from 'node:zlib'
import { zstdBlockDecompressor } from '../../../shared/zstd.ts'
import type { Piece } from '../pieces.ts'
import { parseQcow2Header, QCOW2_HEADER_BYTES, type Qcow2Header, unusable } from './header.ts'

/** Reads exactly `length` bytes of the image file. */
export type ReadAt = (position: number, length: number) => Promise<Buffer>

interface ImageFile {
  readonly bytes: number
  readonly read: ReadAt
}

/** Neighbouring clusters are read at once, up to this. */
const RUN_BYTES = 1 << 20

/** Of an entry: bits 9 to 55 are an offset, bit 62 says compressed, bit 0 says zeros (docs/interop/qcow2.txt). */
const OFFSET_HIGH = 0x00ff_ffff
const FLAGS_LOW = 0x1ff
const COMPRESSED_HIGH = 0x4000_0000
const READS_AS_ZEROS = 1

/**
 * The disk that a qcow2 file describes, in its order. The tables lie anywhere in the file, so it must be there as a whole.
 * @throws `image-unusable`
 */
export async function* qcow2Pieces(readAt: ReadAt, fileBytes: number): AsyncGenerator<Piece> {
  const header = parseQcow2Header(await readAt(0, Math.min(fileBytes, QCOW2_HEADER_BYTES)))
  const decompress = await clusterDecompressor(header)
  const { clusterBytes, bytes } = header
  const file: ImageFile = {
    bytes: fileBytes,
    async read(position, length) {
      if (position + length > fileBytes) throw unusable(`its tables name byte ${position + length} of ${fileBytes}`)
      return readAt(position, length)
    },
  }
  const l1 = await file.read(header.l1Offset, header.l1Size * 8)
  const span = clusterBytes * (clusterBytes / 8)
  let left = bytes
  for (let index = 0; index < header.l1Size; index++) {
    const length = Math.min(span, left)
    left -= length
    const at = offsetOf(l1, index * 8, clusterBytes)
    if (at === 0) yield { zeros: length }
    else yield* tablePieces(await file.read(at, clusterBytes), length, header, file, decompress)
  }
}

async function* tablePieces(
  table: Buffer,
  length: number,
  header: Qcow2Header,
  file: ImageFile,
  decompress: (block: Buffer) => Buffer,
): AsyncGenerator<Piece> {
  const { clusterBytes } = header
  const count = Math.ceil(length / clusterBytes)
  const most = Math.max(1, RUN_BYTES / clusterBytes)
  for (let index = 0; index < count; ) {
    const kind = kindOf(table, index, clusterBytes)
    let run = 1
    if (kind.type === 'zeros') {
      while (index + run < count && kindOf(table, index + run, clusterBytes).type === 'zeros') run++
    } else if (kind.type === 'data') {
      while (run < most && index + run < count && follows(kindOf(table, index + run, clusterBytes), kind.offset, run))
        run++
    }
    const wanted = Math.min(run * clusterBytes, length - index * clusterBytes)
    index += run
    if (kind.type === 'zeros') yield { zeros: wanted }
    else if (kind.type === 'data') yield await file.read(kind.offset, wanted)
    else yield (await compressedCluster(kind, header, file, decompress)).subarray(0, wanted)
  }

  function follows(next: Kind, first: number, run: number): boolean {
    return next.type === 'data' && next.offset === first + run * clusterBytes
  }
}

type Kind =
  | { readonly type: 'zeros' }
  | { readonly type: 'data'; readonly offset: number }
  | { readonly type: 'compressed'; readonly high: number; readonly low: number }

function kindOf(table: Buffer, index: number, clusterBytes: number): Kind {
  const [high, low] = [table.readUInt32BE(index * 8), table.readUInt32BE(index * 8 + 4)]
  if (high & COMPRESSED_HIGH) return { type: 'compressed', high, low }
  if (low & READS_AS_ZEROS) return { type: 'zeros' }
  const offset = offsetOf(table, index * 8, clusterBytes)
  return offset === 0 ? { type: 'zeros' } : { type: 'data', offset }
}

/** "Compressed Clusters Descriptor": the offset to bit x - 1, with x = 62 - (cluster_bits - 8), then further sectors of 512. */
async function compressedCluster(
  { high, low }: { readonly high: number; readonly low: number },
  { clusterBits }: Qcow2Header,
  file: ImageFile,
  decompress: (block: Buffer) => Buffer,
): Promise<Buffer> {
  const bits = BigInt(62 - (clusterBits - 8))
  const entry = ((BigInt(high) << 32n) | BigInt(low)) & ((1n << 62n) - 1n)
  const offset = Number(entry & ((1n << bits) - 1n))
  const length = (Number(entry >> bits) + 1) * 512 - (offset % 512)
  if (!Number.isSafeInteger(offset)) throw unusable('an offset in its tables is too large')
  // The last cluster of a file may end before its last sector does.
  return decompress(await file.read(offset, Math.min(length, Math.max(1, file.bytes - offset))))
}

async function clusterDecompressor({ compression, clusterBytes }: Qcow2Header): Promise<(block: Buffer) => Buffer> {
  const zstd = compression === 'zstd' ? await zstdBlockDecompressor() : undefined
  return (block) => {
    try {
      const cluster = zstd === undefined ? inflate(block, clusterBytes) : zstd(block, clusterBytes)
      if (cluster.length === clusterBytes) return cluster
    } catch (cause) {
      throw unusableCluster(cause)
    }
    throw unusableCluster(undefined)
  }
}

/** The length is known in sectors only, so something follows the deflate stream. */
function inflate(block: Buffer, clusterBytes: number): Buffer {
  return inflateRawSync(block, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: clusterBytes })
}

function unusableCluster(cause: unknown) {
  const error = unusable('a compressed cluster is damaged')
  error.cause = cause
  return error
}

/** 0 stands for "nothing there". */
function offsetOf(table: Buffer, at: number, clusterBytes: number): number {
  const [high, low] = [table.readUInt32BE(at) & OFFSET_HIGH, (table.readUInt32BE(at + 4) & ~FLAGS_LOW) >>> 0]
  const offset = high * 2 ** 32 + low
  if (offset % clusterBytes !== 0 || !Number.isSafeInteger(offset)) throw unusable('its tables are damaged')
  return offset
}
