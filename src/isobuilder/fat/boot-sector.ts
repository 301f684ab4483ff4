import type { Geometry } from './geometry.ts'
import { FAT_SECTOR, ROOT_ENTRIES } from './geometry.ts'

/** What the reserved sectors say beside the geometry. */
export interface FatVolume {
  readonly geometry: Geometry
  /** 32 bits. */
  readonly id: number
  readonly label: string
  readonly freeClusters: number
  /** Where a driver may start to look for one. */
  readonly nextFree: number
}

/** Sector numbers of FAT32 (FAT specification section 3.3, 5). */
const INFORMATION = 1
const BACKUP = 6

/** Cluster of the FAT32 root directory. */
export const ROOT_CLUSTER = 2

/** A fixed disk, as in the first entry of the table. */
const MEDIA = 0xf8

/** The sectors before the first table. */
export function reservedSectors(volume: FatVolume): Buffer {
  const bytes = Buffer.alloc(volume.geometry.reserved * FAT_SECTOR)
  const boot = bootSector(volume)
  boot.copy(bytes, 0)
  if (volume.geometry.type === 16) return bytes
  const information = informationSector(volume)
  information.copy(bytes, INFORMATION * FAT_SECTOR)
  boot.copy(bytes, BACKUP * FAT_SECTOR)
  information.copy(bytes, (BACKUP + INFORMATION) * FAT_SECTOR)
  return bytes
}

/** First two entries of the table: the media byte, and the end mark with "cleanly unmounted" (section 4.2). */
export function reservedEntries(geometry: Geometry): readonly [number, number] {
  return geometry.type === 16 ? [0xff00 | MEDIA, 0xffff] : [0x0fffff00 | MEDIA, 0x0fffffff]
}

/** BIOS parameter block (sections 3.1 to 3.3). */
function bootSector({ geometry, id, label }: FatVolume): Buffer {
  const bytes = Buffer.alloc(FAT_SECTOR)
  const { type, sectors } = geometry
  bytes.set([0xeb, type === 16 ? 0x3c : 0x58, 0x90])
  bytes.write('MSWIN4.1', 3, 'latin1') // the name the specification recommends: some drivers look at it
  bytes.writeUInt16LE(FAT_SECTOR, 11)
  bytes[13] = geometry.sectorsPerCluster
  bytes.writeUInt16LE(geometry.reserved, 14)
  bytes[16] = 2 // tables
  bytes.writeUInt16LE(type === 16 ? ROOT_ENTRIES : 0, 17)
  const fits16 = type === 16 && sectors < 0x10000
  bytes.writeUInt16LE(fits16 ? sectors : 0, 19)
  bytes[21] = MEDIA
  bytes.writeUInt16LE(type === 16 ? geometry.fatSectors : 0, 22)
  bytes.writeUInt16LE(32, 24) // sectors of a track, as a partition tool would say
  bytes.writeUInt16LE(64, 26) // heads
  bytes.writeUInt32LE(fits16 ? 0 : sectors, 32)
  if (type === 32) {
    bytes.writeUInt32LE(geometry.fatSectors, 36)
    bytes.writeUInt32LE(ROOT_CLUSTER, 44)
    bytes.writeUInt16LE(INFORMATION, 48)
    bytes.writeUInt16LE(BACKUP, 50)
  }
  const extended = type === 16 ? 36 : 64
  bytes[extended] = 0x80 // drive number
  bytes[extended + 2] = 0x29 // the three fields that follow are there
  bytes.writeUInt32LE(id, extended + 3)
  bytes.write(label.padEnd(11).slice(0, 11), extended + 7, 'latin1')
  bytes.write(type === 16 ? 'FAT16   ' : 'FAT32   ', extended + 18, 'latin1')
  bytes.set([0x55, 0xaa], 510)
  return bytes
}

/** FSInfo (section 5). */
function informationSector({ freeClusters, nextFree }: FatVolume): Buffer {
  const bytes = Buffer.alloc(FAT_SECTOR)
  bytes.write('RRaA', 0, 'latin1')
  bytes.write('rrAa', 484, 'latin1')
  bytes.writeUInt32LE(freeClusters, 488)
  bytes.writeUInt32LE(nextFree, 492)
  bytes.set([0x55, 0xaa], 510)
  return bytes
}
