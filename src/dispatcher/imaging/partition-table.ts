import { DATA_TYPE, ESP_TYPE, LVM_TYPE, SWAP_TYPE } from '../../shared/recipe/roles.ts'

/** What the first bytes of a whole disk tell of its partition table. */
export interface TableFacts {
  readonly label: 'gpt' | 'dos'
  /** Of the sectors that the table counts in; an MBR is taken to count in 512. */
  readonly sectorBytes: number
  /** Where the disk that the table was made for ends, or with an MBR its last partition. */
  readonly endBytes: number
  /** Undefined when they do not lie where they are put by every tool. */
  readonly partitions: readonly TableEntry[] | undefined
}

export interface TableEntry {
  readonly endBytes: number
  /** An MBR's extended partition may hold anything: `unknown`. */
  readonly kind: 'esp' | 'data' | 'swap' | 'lvm' | 'other' | 'unknown'
  /** Its label in a GPT. */
  readonly name?: string
}

/** Bytes that `tableFacts` looks at: two sectors and the 128 entries of a GPT, for sectors of 4096 bytes. */
export const TABLE_HEAD_BYTES = 2 * 4096 + 128 * 128

/** An MBR counts in 32 bits, so no partition of it reaches further than 2 TiB; libfdisk stores larger sizes cut off. */
export const MBR_SECTORS = 2 ** 32 - 1

const GPT_SIGNATURE = 'EFI PART'
/** Of the MBR: four entries of 16 bytes, then 55 AA (UEFI 2.10 section 5.2.1). */
const ENTRIES_AT = 446
const PROTECTIVE = 0xee
const EXTENDED = [0x05, 0x0f, 0x85]
const ESP_IN_MBR = 0xef
const SWAP_IN_MBR = 0x82
const LVM_IN_MBR = 0x8e
/** FAT of any kind, as in sfdisk(8) --list-types. */
const FAT_IN_MBR = [0x01, 0x04, 0x06, 0x0b, 0x0c, 0x0e]

/** Undefined when it is no whole disk. GPT header: UEFI 2.10 table 5.5, the backup is in the last sector. */
export function tableFacts(head: Buffer): TableFacts | undefined {
  for (const sectorBytes of [512, 4096]) {
    if (head.length < sectorBytes + 92 || head.toString('latin1', sectorBytes, sectorBytes + 8) !== GPT_SIGNATURE)
      continue
    const endBytes = (Number(head.readBigUInt64LE(sectorBytes + 32)) + 1) * sectorBytes
    return { label: 'gpt', sectorBytes, endBytes, partitions: gptEntries(head, sectorBytes) }
  }
  if (head.length < 512 || head.readUInt16BE(510) !== 0x55aa) return undefined
  const partitions = [0, 1, 2, 3].flatMap((index): TableEntry[] => {
    const at = ENTRIES_AT + index * 16
    const [type = 0, sectors] = [head[at + 4], head.readUInt32LE(at + 12)]
    if (type === 0 || type === PROTECTIVE || sectors === 0) return []
    return [{ endBytes: (head.readUInt32LE(at + 8) + sectors) * 512, kind: kindInMbr(type) }]
  })
  // A protective entry without a GPT behind it, or no entry: a boot sector of something else.
  if (partitions.length === 0) return undefined
  const endBytes = Math.max(...partitions.map((partition) => partition.endBytes))
  return { label: 'dos', sectorBytes: 512, endBytes, partitions }
}

/** UEFI 2.10 table 5.6: type at 0, last sector at 40, name in UTF-16 at 56. */
function gptEntries(head: Buffer, sectorBytes: number): TableEntry[] | undefined {
  const start = Number(head.readBigUInt64LE(sectorBytes + 72)) * sectorBytes
  const [count, size] = [head.readUInt32LE(sectorBytes + 80), head.readUInt32LE(sectorBytes + 84)]
  if (size < 128 || start + count * size > head.length) return undefined
  return Array.from({ length: count }, (_, index) => head.subarray(start + index * size, start + (index + 1) * size))
    .filter((entry) => entry.subarray(0, 16).some((byte) => byte !== 0))
    .map((entry) => {
      const name = entry.toString('utf16le', 56, 128).replace(/\0.*$/s, '')
      return { endBytes: (Number(entry.readBigUInt64LE(40)) + 1) * sectorBytes, kind: kindInGpt(guidText(entry)), name }
    })
}

/** The first three fields are little-endian (UEFI 2.10 appendix A). */
function guidText(bytes: Buffer): string {
  const fields = [bytes.readUInt32LE(0), bytes.readUInt16LE(4), bytes.readUInt16LE(6)]
  const [first, second, third] = fields.map((value, index) => value.toString(16).padStart(index === 0 ? 8 : 4, '0'))
  return [first, second, third, bytes.toString('hex', 8, 10), bytes.toString('hex', 10, 16)].join('-').toUpperCase()
}

/** By its type as sfdisk(8) and lsblk(8) write it: a GUID, or in an MBR one byte, which lsblk begins with `0x`. */
export function kindOf(type: string): TableEntry['kind'] {
  return type.length > 4 ? kindInGpt(type.toUpperCase()) : kindInMbr(Number.parseInt(type, 16))
}

function kindInGpt(type: string): TableEntry['kind'] {
  if (type === ESP_TYPE) return 'esp'
  if (type === SWAP_TYPE) return 'swap'
  if (type === LVM_TYPE) return 'lvm'
  return type === DATA_TYPE ? 'data' : 'other'
}

/** UEFI 2.10 section 5.2.2. */
function kindInMbr(type: number): TableEntry['kind'] {
  if (type === ESP_IN_MBR) return 'esp'
  if (type === SWAP_IN_MBR) return 'swap'
  if (type === LVM_IN_MBR) return 'lvm'
  if (EXTENDED.includes(type)) return 'unknown'
  return FAT_IN_MBR.includes(type) ? 'data' : 'other'
}
