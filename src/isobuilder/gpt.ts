import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** Bytes of a logical block of the disk the image becomes. A CD has blocks of 2048 and never looks here. */
const BLOCK = 512

const ENTRY_BYTES = 128
const ENTRIES = 128
const ENTRY_BLOCKS = (ENTRIES * ENTRY_BYTES) / BLOCK
const HEADER_BYTES = 92

/** Blocks at the end: the second copy of the entries, and of the header (UEFI 2.10 section 5.3.1). */
const BACKUP_BLOCKS = ENTRY_BLOCKS + 1

/** Bytes at the end of the image that the backup needs. */
export const BACKUP_BYTES = BACKUP_BLOCKS * BLOCK

/** C12A7328-F81F-11D2-BA4B-00A0C93EC93B, an EFI system partition (UEFI 2.10 table 5.7), as it is stored. */
const EFI_SYSTEM = Buffer.from('28732ac11ff8d211ba4b00a0c93ec93b', 'hex')

/** The only partition. Offsets in bytes, multiples of 512. */
export interface EspPartition {
  readonly start: number
  readonly bytes: number
}

/** The bytes of a partition table: `primary` from the start of the image, `backup` up to its end. */
export interface PartitionTable {
  readonly primary: Buffer
  readonly backup: Buffer
}

/**
 * A GPT that knows the EFI system partition alone, with a protective MBR and nothing else in it: firmware refuses an MBR
 * that contradicts the GPT. The volume itself is no partition, so exactly one device carries its label. The two GUIDs
 * come from the content: media of the same date are not the same disk.
 */
export function partitionTable(imageBytes: number, esp: EspPartition, identity: string): PartitionTable {
  const blocks = imageBytes / BLOCK
  const entries = Buffer.alloc(ENTRIES * ENTRY_BYTES)
  EFI_SYSTEM.copy(entries, 0)
  guid('partition', identity).copy(entries, 16)
  entries.writeBigUInt64LE(BigInt(esp.start / BLOCK), 32)
  entries.writeBigUInt64LE(BigInt((esp.start + esp.bytes) / BLOCK - 1), 40)
  entries.write('ESP', 56, 'utf16le')
  const places = { blocks, disk: guid('disk', identity), entriesCrc: crc32(entries) }
  const primary = header({ ...places, own: 1, other: blocks - 1, entriesAt: 2 })
  const backup = header({ ...places, own: blocks - 1, other: 1, entriesAt: blocks - BACKUP_BLOCKS })
  return {
    primary: Buffer.concat([protectiveMbr(blocks), primary, entries]),
    backup: Buffer.concat([entries, backup]),
  }
}

interface HeaderFields {
  readonly blocks: number
  readonly disk: Buffer
  readonly entriesCrc: number
  readonly own: number
  readonly other: number
  readonly entriesAt: number
}

/** UEFI 2.10 table 5.5. */
function header({ blocks, disk, entriesCrc, own, other, entriesAt }: HeaderFields): Buffer {
  const bytes = Buffer.alloc(BLOCK)
  bytes.write('EFI PART', 'latin1')
  bytes.writeUInt32LE(0x00010000, 8)
  bytes.writeUInt32LE(HEADER_BYTES, 12)
  bytes.writeBigUInt64LE(BigInt(own), 24)
  bytes.writeBigUInt64LE(BigInt(other), 32)
  bytes.writeBigUInt64LE(BigInt(2 + ENTRY_BLOCKS), 40) // first usable
  bytes.writeBigUInt64LE(BigInt(blocks - BACKUP_BLOCKS - 1), 48) // last usable
  disk.copy(bytes, 56)
  bytes.writeBigUInt64LE(BigInt(entriesAt), 72)
  bytes.writeUInt32LE(ENTRIES, 80)
  bytes.writeUInt32LE(ENTRY_BYTES, 84)
  bytes.writeUInt32LE(entriesCrc, 88)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, HEADER_BYTES)), 16) // over itself as zero
  return bytes
}

/** One partition of type 0xEE over the whole disk (UEFI 2.10 table 5.4). */
function protectiveMbr(blocks: number): Buffer {
  const bytes = Buffer.alloc(BLOCK)
  bytes.set([0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff], 446)
  bytes.writeUInt32LE(1, 454)
  bytes.writeUInt32LE(Math.min(blocks - 1, 0xffffffff), 458)
  bytes.set([0x55, 0xaa], 510)
  return bytes
}

/** A GUID out of the content, of version 8: "custom" (RFC 9562 section 5.8). The first three fields are little-endian. */
function guid(role: string, identity: string): Buffer {
  const bytes = createHash('sha256').update(`gpt ${role} ${identity}`).digest().subarray(0, 16)
  bytes[7] = 0x80 | ((bytes[7] ?? 0) & 0x0f)
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f)
  return Buffer.from(bytes)
}
