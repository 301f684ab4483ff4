import { formatBytes, parseByteSize } from '../../shared/byte-size.ts'
import { AppError } from '../../shared/errors.ts'
import {
  DATA_TYPE,
  ESP_TYPE,
  isCidata,
  isConfigDrive,
  isEsp,
  LEAST_BYTES,
  LINUX_TYPE,
  mountpointsOf,
  ROOT_TYPE,
  SWAP_TYPE,
  wantsConfigDrive,
} from '../../shared/recipe/roles.ts'
import type { Partition, Recipe } from '../../shared/recipe/schema.ts'

/** One partition as it will lie on the disk. Bytes, all multiples of 1 MiB. */
export interface Slot {
  /** From 1. */
  readonly number: number
  readonly start: number
  readonly bytes: number
  readonly type: string
  readonly format: Partition['format']
  readonly label: string | undefined
  /** In the installed system; undefined when it is not mounted. */
  readonly mountpoint: string | undefined
  readonly mountOptions: string | undefined
}

/** Alignment that suits every disk and every RAID stripe; what partitioning tools have used since 2010. */
export const MIB = 1024 * 1024

/** Room for a NoCloud drive; cloud-init reads a few files of it. */
export const CONFIG_DRIVE_BYTES = 64 * MIB
const CONFIG_DRIVE: Partition = { size: '64MiB', format: 'vfat', label: 'CIDATA' }

/** The partitions of the recipe, and a NoCloud drive at the end when there is something for it and no place yet. */
function partitionsOf(recipe: Recipe): readonly Partition[] {
  const layout = recipe.partition_layout ?? []
  return wantsConfigDrive(recipe) && !layout.some(isConfigDrive) ? [...layout, CONFIG_DRIVE] : layout
}

/**
 * Where every partition begins and ends. A share is of what the fixed sizes leave. Pure.
 * @throws `step-failed` when the disk is too small, or a share for its file system
 */
export function layoutDisk(recipe: Recipe, diskBytes: number): readonly Slot[] {
  const partitions = partitionsOf(recipe)
  const mountpoints = mountpointsOf(partitions)
  // 1 MiB at each end holds the partition tables, of 512-byte and of 4096-byte sectors alike (UEFI 2.10 5.3).
  const usable = Math.floor(diskBytes / MIB) - 2
  const sizes = sizesInMiB(partitions, usable)
  checkSizes(partitions, sizes)
  let next = 1
  return partitions.map((partition, index) => {
    const [start, size] = [next, sizes[index] ?? 0]
    next += size
    const mountpoint = mountpoints[index]
    return {
      number: index + 1,
      start: start * MIB,
      bytes: size * MIB,
      type: partition.type_guid?.toUpperCase() ?? defaultType(partition, mountpoint),
      format: partition.format,
      label: partition.format === 'vfat' ? partition.label?.toUpperCase() : partition.label,
      mountpoint,
      mountOptions: partition.mount_options,
    }
  })
}

/** The partition that cloud-init reads, if there is one. The recipe's rules have seen to it that nothing else is on it. */
export function configDriveSlot(slots: readonly Slot[]): Slot | undefined {
  return slots.find(({ label }) => isCidata(label))
}

function sizesInMiB(partitions: readonly Partition[], usable: number): readonly number[] {
  const fixed = partitions.map(({ size }) => (size.endsWith('%') ? 0 : Math.ceil((parseByteSize(size) ?? 0) / MIB)))
  const shares = partitions.map(({ size }) => (size.endsWith('%') ? Number(size.slice(0, -1)) : 0))
  const needed = fixed.reduce((sum, size) => sum + size, 0)
  const left = usable - needed
  if (left < 0) {
    const state = `they need ${formatBytes(needed * MIB)} and the disk has room for ${formatBytes(Math.max(0, usable) * MIB)}`
    throw new AppError('step-failed', `Cannot lay out the partitions: ${state}`)
  }
  const sizes = fixed.map((size, index) => size + Math.floor((left * (shares[index] ?? 0)) / 100))
  // What rounding leaves belongs to the last share when together they ask for everything.
  const last = shares.findLastIndex((share) => share > 0)
  const all = shares.reduce((sum, share) => sum + share, 0) === 100
  const rest = usable - sizes.reduce((sum, size) => sum + size, 0)
  const result = sizes.map((size, index) => (all && index === last ? size + rest : size))
  const empty = result.indexOf(0)
  if (empty !== -1) {
    const message = `Cannot lay out the partitions: the fixed sizes leave ${formatBytes(left * MIB)}, nothing for partition ${empty + 1}`
    throw new AppError('step-failed', message)
  }
  return result
}

/** Of fixed sizes the recipe's rules have seen to it; what a share comes to is known with the disk. */
function checkSizes(partitions: readonly Partition[], sizes: readonly number[]): void {
  for (const [index, { format }] of partitions.entries()) {
    const [bytes, least] = [(sizes[index] ?? 0) * MIB, LEAST_BYTES[format] ?? 0]
    if (bytes >= least) continue
    const state = `partition ${index + 1} comes to ${formatBytes(bytes)} on this disk, and ${format} needs ${formatBytes(least)}`
    throw new AppError('step-failed', `Cannot lay out the partitions: ${state}`)
  }
}

function defaultType(partition: Partition, mountpoint: string | undefined): string {
  if (isEsp({ ...partition, ...(mountpoint === undefined ? {} : { mountpoint }) })) return ESP_TYPE
  if (partition.format === 'swap') return SWAP_TYPE
  if (partition.format === 'vfat') return DATA_TYPE
  return mountpoint === '/' ? ROOT_TYPE : LINUX_TYPE
}
