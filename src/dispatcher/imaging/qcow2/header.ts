import { AppError } from '../../../shared/errors.ts'

/** Fields of docs/interop/qcow2.txt of QEMU ("Header") that say where the content is. */
export interface Qcow2Header {
  readonly clusterBytes: number
  readonly clusterBits: number
  /** Of the disk it describes. */
  readonly bytes: number
  readonly l1Offset: number
  /** Entries. */
  readonly l1Size: number
  readonly compression: 'deflate' | 'zstd'
}

/** Version 2 has 72 bytes, version 3 at least 104, and the compression type behind them. */
export const QCOW2_HEADER_BYTES = 112

const MAGIC = 0x514649fb
/** QEMU refuses larger first-level tables too (QCOW_MAX_L1_SIZE). */
const MAX_L1_BYTES = 32 * 1024 * 1024

/** Incompatible features: bits that change where the content is. */
const CORRUPT = 1 << 1
const EXTERNAL_DATA = 1 << 2
const COMPRESSION_TYPE = 1 << 3
const EXTENDED_L2 = 1 << 4
/** `dirty` concerns reference counts alone, which nobody needs to read. */
const KNOWN = 0b1_1111

export function isQcow2(head: Buffer): boolean {
  return head.length >= 8 && head.readUInt32BE(0) === MAGIC
}

/** Snapshots are left out: they are other states of the disk. @throws `image-unusable` */
export function parseQcow2Header(head: Buffer): Qcow2Header {
  const version = head.length >= 72 ? head.readUInt32BE(4) : 0
  if (version !== 2 && version !== 3) throw unusable(`it has version ${version}, and 2 and 3 are known`)
  if (version === 3 && head.length < 104) throw unusable('it ends in its header')
  if (head.readBigUInt64BE(8) !== 0n) throw unusable('it needs a backing file; "qemu-img convert" makes one of both')
  const clusterBits = head.readUInt32BE(20)
  if (clusterBits < 9 || clusterBits > 21) throw unusable(`its clusters have 2^${clusterBits} bytes`)
  if (head.readUInt32BE(32) !== 0) throw unusable('it is encrypted')
  const features = version === 3 ? checkFeatures(head) : 0
  const bytes = integer(head, 24)
  const l1Size = head.readUInt32BE(36)
  const needed = Math.ceil(bytes / (2 ** clusterBits * (2 ** clusterBits / 8)))
  if (l1Size < needed || l1Size * 8 > MAX_L1_BYTES) throw unusable('its first table has not the size of its disk')
  return {
    clusterBits,
    clusterBytes: 2 ** clusterBits,
    bytes,
    l1Offset: integer(head, 40),
    l1Size: needed,
    compression: compressionType(head, features),
  }
}

function checkFeatures(head: Buffer): number {
  const features = Number(head.readBigUInt64BE(72))
  if (features > KNOWN) throw unusable('it has features that are not known')
  if (features & CORRUPT) throw unusable('it is marked as corrupt')
  if (features & EXTERNAL_DATA) throw unusable('its content is in another file')
  if (features & EXTENDED_L2) throw unusable('it has extended tables (subclusters)')
  return features
}

function compressionType(head: Buffer, features: number): Qcow2Header['compression'] {
  if ((features & COMPRESSION_TYPE) === 0) return 'deflate'
  const type = head[104] ?? 0
  if (type === 1) return 'zstd'
  throw unusable(`its clusters are compressed by method ${type}`)
}

function integer(head: Buffer, at: number): number {
  const value = head.readBigUInt64BE(at)
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw unusable('a number in its header is too large')
  return Number(value)
}

export function unusable(reason: string): AppError {
  return new AppError('image-unusable', `Cannot write the qcow2 image: ${reason}`)
}
