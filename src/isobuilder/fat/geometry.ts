/** Bytes of a FAT sector: what every firmware and `mkfs.fat` use. */
export const FAT_SECTOR = 512

/** Bytes of a directory entry (Microsoft FAT specification, section 6). */
export const ENTRY_BYTES = 32

export type FatType = 16 | 32

/** Where the parts of the file system are. Sectors of 512 bytes. */
export interface Geometry {
  readonly type: FatType
  readonly sectors: number
  readonly sectorsPerCluster: number
  readonly reserved: number
  /** Of one of the two copies. */
  readonly fatSectors: number
  /** Sectors of the root directory of FAT16; FAT32 keeps it in clusters. */
  readonly rootSectors: number
  /** First sector of cluster 2. */
  readonly dataStart: number
  readonly clusters: number
}

/** Entries of the fixed root directory of FAT16: the value the specification recommends. */
export const ROOT_ENTRIES = 512

const MIB = 1024 * 1024

/** Below it a volume of 512-byte clusters has too few of them to be FAT32, which is told by their number alone. */
const FAT32_FROM = 36 * MIB

/**
 * Numbers of clusters by which a driver tells FAT12, FAT16 and FAT32 apart (FAT specification section 3.5). The
 * specification asks to stay sixteen away from the borders: many drivers are off by a few.
 */
const CLUSTERS = { 16: { min: 4085 + 16, max: 65_524 - 16 }, 32: { min: 65_525 + 16, max: 0x0fff_fff4 } } as const

/** Contents begin at multiples of it, so that a file in the image begins where a page of a disk or a CD sector does. */
const DATA_ALIGNMENT = 4096 / FAT_SECTOR

/** Sizes a file system of ours can have. The upper limit is that of the 32-bit number of sectors. */
export const MIN_FAT_BYTES = 3 * MIB
export const MAX_FAT_BYTES = 1024 * 1024 * MIB

/** Bytes of a cluster in a volume of that size: the table of Microsoft's `format` for FAT32, the smallest for FAT16. */
export function clusterBytes(bytes: number): number {
  if (bytes < 32 * MIB) return FAT_SECTOR
  if (bytes < FAT32_FROM) return 2 * FAT_SECTOR
  if (bytes <= 260 * MIB) return FAT_SECTOR
  if (bytes <= 8192 * MIB) return 4096
  return 32 * 1024
}

/** The file system that fills `bytes`, a multiple of 4096 between the two limits. */
export function geometryOf(bytes: number): Geometry {
  const type: FatType = bytes < FAT32_FROM ? 16 : 32
  const sectors = bytes / FAT_SECTOR
  const sectorsPerCluster = clusterBytes(bytes) / FAT_SECTOR
  const rootSectors = type === 16 ? (ROOT_ENTRIES * ENTRY_BYTES) / FAT_SECTOR : 0
  // Boot sector, and for FAT32 the information sector and the copies of both at 6 and 7.
  const least = type === 16 ? 1 : 32
  const fatSectors = fatSectorsFor(type, Math.ceil((sectors - least - rootSectors) / sectorsPerCluster) + 2)
  const used = least + 2 * fatSectors + rootSectors
  const reserved = least + ((DATA_ALIGNMENT - (used % DATA_ALIGNMENT)) % DATA_ALIGNMENT)
  const dataStart = reserved + 2 * fatSectors + rootSectors
  const clusters = Math.floor((sectors - dataStart) / sectorsPerCluster)
  const { min, max } = CLUSTERS[type]
  if (clusters < min || clusters > max) {
    throw new RangeError(`Cannot lay out FAT${type} in ${bytes} bytes: ${clusters} clusters`)
  }
  return { type, sectors, sectorsPerCluster, reserved, fatSectors, rootSectors, dataStart, clusters }
}

/** Sectors of a table with that many entries. */
function fatSectorsFor(type: FatType, entries: number): number {
  return Math.ceil((entries * (type / 8)) / FAT_SECTOR)
}
