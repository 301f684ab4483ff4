import { formatBytes } from '../../shared/byte-size.ts'
import { AppError } from '../../shared/errors.ts'
import { isCidata, wantsConfigDrive } from '../../shared/recipe/roles.ts'
import type { Recipe } from '../../shared/recipe/schema.ts'
import type { DiskImage } from '../imaging/disk-image.ts'
import { MBR_SECTORS, type TableEntry, type TableFacts } from '../imaging/partition-table.ts'
import type { Disk } from './disk.ts'
import { describeDisk } from './disk.ts'
import { appendStart } from './disk-table.ts'
import { CONFIG_DRIVE_BYTES } from './layout.ts'

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
  if (wantsConfigDrive(recipe) && !partitions.some(mayBeConfigDrive)) checkRoom(table, partitions, disk)
  if (recipe.grow_last_partition === true) checkGrowth(partitions)
}

/** @throws `disk-refused` when a partition for the user-data cannot be appended */
function checkRoom({ label, sectorBytes }: TableFacts, partitions: readonly TableEntry[], disk: Disk): void {
  const end =
    label === 'gpt' ? disk.bytes - 16 * 1024 - sectorBytes : Math.min(disk.bytes, MBR_SECTORS * disk.sectorBytes)
  if (label === 'dos' && partitions.length === 4) {
    const state = 'the MBR of the image has four partitions, and there is none left for the user-data'
    throw new AppError('disk-refused', `Cannot write ${describeDisk(disk)}: ${state}`)
  }
  if (lastEnd(partitions) <= appendStart(end, CONFIG_DRIVE_BYTES)) return
  const state = 'the image leaves no room for the 64 MiB of the user-data behind its last partition'
  throw new AppError('disk-refused', `Cannot write ${describeDisk(disk)}: ${state}`)
}

/** What can be told by the table; the file system is seen only when it is on the disk. */
const CANNOT_GROW: Readonly<Partial<Record<TableEntry['kind'], string>>> = {
  esp: 'the EFI system partition',
  swap: 'swap space',
  lvm: 'a physical volume of LVM',
  unknown: 'an extended one',
}

/** @throws `image-unusable` */
function checkGrowth(partitions: readonly TableEntry[]): void {
  const last = partitions.find(({ endBytes }) => endBytes === lastEnd(partitions))
  const what = last && CANNOT_GROW[last.kind]
  if (what === undefined) return
  const message = `Cannot use the image: the recipe has "grow_last_partition", and the last partition is ${what}`
  throw new AppError('image-unusable', message)
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
