import { AppError } from '../../shared/errors.ts'
import type { Command } from '../../shared/exec.ts'
import type { TableEntry } from '../imaging/partition-table.ts'
import { kindOf, MBR_SECTORS } from '../imaging/partition-table.ts'
import type { Disk } from './disk.ts'
import { MIB } from './layout.ts'

/** A partition as sfdisk(8) tells of it; in sectors. */
export interface TablePartition {
  readonly number: number
  readonly node: string
  readonly start: number
  readonly size: number
  readonly type: string
}

/** The partition table that an image has brought. */
export interface DiskTable {
  readonly label: 'gpt' | 'dos'
  readonly sectorBytes: number
  /** The first sector that no partition may use. */
  readonly end: number
  readonly partitions: readonly TablePartition[]
}

/** Waits for the events of every device, and a dead one may never be done with: code 1 says so, and is no failure of ours. */
export const SETTLE: Command = { argv: ['udevadm', 'settle', '--timeout=60'], goodCodes: [0, 1] }

export function planReadTable({ path }: Pick<Disk, 'path'>): Command {
  return { argv: ['sfdisk', '--json', path] }
}

/** Reads `sfdisk --json`. @throws `image-unusable` */
export function parseTable(listing: string, disk: Pick<Disk, 'path' | 'bytes' | 'sectorBytes'>): DiskTable {
  const { partitiontable: table } = JSON.parse(listing) as { partitiontable?: SfdiskTable }
  if (table?.label !== 'gpt' && table?.label !== 'dos') {
    throw new AppError('image-unusable', `Cannot use ${disk.path}: what was written has no GPT and no MBR`)
  }
  if (table.label === 'dos' && isProtective(table)) {
    const state = 'what was written has a GPT that this disk cannot show, for sectors of another size or damaged'
    throw new AppError('image-unusable', `Cannot use ${disk.path}: ${state}`)
  }
  const sectorBytes = table.sectorsize ?? disk.sectorBytes
  const sectors = disk.bytes / sectorBytes
  const partitions = (table.partitions ?? []).map(({ node, start, size, type }) => {
    const number = Number(/([0-9]+)$/.exec(node)?.[1])
    return { number, node, start, size, type }
  })
  return {
    label: table.label,
    sectorBytes,
    end: table.label === 'gpt' ? (table.lastlba ?? 0) + 1 : Math.min(sectors, MBR_SECTORS),
    partitions,
  }
}

/** An MBR that only says "here is a GPT" (UEFI 2.10 section 5.2.3). */
function isProtective({ partitions = [] }: SfdiskTable): boolean {
  return partitions.length > 0 && partitions.every(({ type }) => type === 'ee')
}

interface SfdiskTable {
  readonly label: string
  readonly sectorsize?: number
  readonly lastlba?: number
  readonly partitions?: readonly {
    readonly node: string
    readonly start: number
    readonly size: number
    readonly type: string
  }[]
}

/** What a server started by UEFI starts. In an MBR firmware looks into every FAT, whatever it is called. */
export function espOf({ label, partitions }: DiskTable): TablePartition | undefined {
  const first = (kind: TableEntry['kind']) => partitions.find(({ type }) => kindOf(type) === kind)
  return first('esp') ?? (label === 'dos' ? first('data') : undefined)
}

/** A GPT ends where the disk of the image ended; its second copy belongs at the end of this one (UEFI 2.10 section 5.3.2). */
export function planMoveBackup({ path }: Pick<Disk, 'path'>): readonly Command[] {
  return [{ argv: ['sgdisk', '--move-second-header', path] }, SETTLE]
}

/** The last one on the disk; nothing may grow over one that is not the last. */
export function lastPartition(table: DiskTable): TablePartition | undefined {
  return table.partitions.toSorted((a, b) => a.start - b.start).at(-1)
}

/** Where a partition begins that ends a disk; all in bytes. */
export function appendStart(endBytes: number, bytes: number): number {
  return Math.floor((endBytes - bytes) / MIB) * MIB
}

/**
 * A partition of `bytes` at the very end, on a boundary of 1 MiB.
 * @throws `disk-refused` when what is on the disk leaves no room
 */
export function planAppend(
  disk: Pick<Disk, 'path'>,
  table: DiskTable,
  {
    bytes,
    type,
    label,
  }: { readonly bytes: number; readonly type: { gpt: string; dos: string }; readonly label: string },
): Command {
  const { sectorBytes, end } = table
  const start = appendStart(end * sectorBytes, bytes) / sectorBytes
  const last = lastPartition(table)
  if (start < (last === undefined ? MIB / sectorBytes : last.start + last.size)) {
    throw new AppError('disk-refused', `Cannot append a partition to ${disk.path}: the image leaves no room for it`)
  }
  const name = table.label === 'gpt' ? `, name=${label}` : ''
  const line = `start=${start}, size=${bytes / sectorBytes}, type=${type[table.label]}${name}\n`
  return { argv: ['sfdisk', '--append', '--wipe=never', '--no-tell-kernel', disk.path], stdin: line }
}

/** Undefined when it reaches up to `end` (of the disk, or to what follows it) already. */
export function planGrow(disk: Pick<Disk, 'path'>, table: DiskTable, partition: TablePartition): Command | undefined {
  const next = table.partitions.filter(({ start }) => start > partition.start).map(({ start }) => start)
  const alignment = MIB / table.sectorBytes
  const end = Math.floor(Math.min(table.end, ...next) / alignment) * alignment
  const size = end - partition.start
  if (size <= partition.size) return undefined
  const argv = ['sfdisk', '--no-tell-kernel', '--wipe=never', '-N', String(partition.number), disk.path] as const
  return { argv: [...argv], stdin: `, ${size}\n` }
}

/**
 * sfdisk asks the kernel only where nobody else holds a partition; this says so when the kernel refuses. Before, because udev looks
 * into the partitions of a disk that was just written.
 */
export function planReread({ path }: Pick<Disk, 'path'>): readonly Command[] {
  return [SETTLE, { argv: ['blockdev', '--rereadpt', path] }, SETTLE]
}
