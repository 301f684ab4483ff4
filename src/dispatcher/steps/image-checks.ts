import { formatBytes } from '../../shared/byte-size.ts'
import { AppError } from '../../shared/errors.ts'
import { isCidata } from '../../shared/recipe/roles.ts'
import type { Recipe } from '../../shared/recipe/schema.ts'
import type { DiskImage } from '../imaging/disk-image.ts'
import type { TableEntry, TableFacts } from '../imaging/partition-table.ts'
import type { Disk } from './disk.ts'
import { describeDisk } from './disk.ts'
import { appendStart } from './disk-table.ts'
import { CONFIG_DRIVE_BYTES, wantsConfigDrive } from './layout.ts'

/** What an image has to fit: a disk, and what is to be done with it. */
export interface Place {
  readonly disk: Disk
  readonly recipe: Recipe
  /** Whether the server was started by UEFI. */
  readonly uefi: boolean
}

/** Before anything is written. @throws `disk-refused`, `image-unusable` */
export function checkFits(image: DiskImage, place: Place): void {
  const { disk } = place
  const bytes = image.format === 'qcow2' ? image.bytes : Math.max(image.table.endBytes, image.fileBytes ?? 0)
  if (bytes > disk.bytes) {
    const sizes = `the image is for ${formatBytes(bytes)} (${bytes} bytes) and it has ${formatBytes(disk.bytes)} (${disk.bytes} bytes)`
    throw new AppError('disk-refused', `Cannot write ${describeDisk(disk)}: ${sizes}`)
  }
  if (image.format === 'qcow2') return
  checkTable(image.table, place)
  if (image.fileBytes !== undefined) checkWhole(image.fileBytes, lastEnd(image.table.partitions ?? []))
}

/** By its partition table; that of a qcow2 is seen only once its file is there. @throws `disk-refused`, `image-unusable` */
export function checkTable(table: TableFacts, { disk, recipe, uefi }: Place): void {
  if (table.sectorBytes !== disk.sectorBytes) {
    // Firmware would look for the table in the second sector, and not find it.
    const sectors = `the image counts in sectors of ${table.sectorBytes} bytes and the disk in ${disk.sectorBytes}`
    throw new AppError('disk-refused', `Cannot write ${describeDisk(disk)}: ${sectors}`)
  }
  const { partitions } = table
  if (partitions === undefined) return
  if (uefi && !partitions.some(({ kind }) => mayBeEsp(kind, table.label))) throw withoutEsp()
  const end = disk.bytes - (table.label === 'gpt' ? 16 * 1024 + table.sectorBytes : 0)
  const room = appendStart(end, CONFIG_DRIVE_BYTES)
  if (wantsConfigDrive(recipe) && !partitions.some(mayBeConfigDrive) && lastEnd(partitions) > room) {
    const state = 'the image leaves no room for the 64 MiB of the user-data behind its last partition'
    throw new AppError('disk-refused', `Cannot write ${describeDisk(disk)}: ${state}`)
  }
}

/** Of a FAT in an MBR `checkLoader` tells, once it is on the disk. */
function mayBeEsp(kind: TableEntry['kind'], label: TableFacts['label']): boolean {
  return kind === 'esp' || kind === 'unknown' || (kind === 'data' && label === 'dos')
}

/** The firmware would find nothing to start. */
export function withoutEsp(): AppError {
  const state = 'it has no EFI system partition, and this server was started by UEFI'
  return new AppError('image-unusable', `Cannot use the image: ${state}`)
}

/** A file that was cut before its upload has a right digest, and a table that looks whole. @throws `image-unusable` */
export function checkWhole(bytes: number, lastEndBytes: number): void {
  if (lastEndBytes <= bytes) return
  const state = `its last partition ends at byte ${lastEndBytes}, and it has ${bytes}: it was cut off`
  throw new AppError('image-unusable', `Cannot use the image: ${state}`)
}

function lastEnd(partitions: readonly TableEntry[]): number {
  return Math.max(0, ...partitions.map(({ endBytes }) => endBytes))
}

/** The label of its file system is seen only when it is on the disk. */
function mayBeConfigDrive({ kind, name }: TableEntry): boolean {
  return kind === 'data' || kind === 'unknown' || isCidata(name)
}
