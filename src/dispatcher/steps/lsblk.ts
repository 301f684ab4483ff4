import { AppError } from '../../shared/errors.ts'
import type { Command } from '../../shared/exec.ts'

/** Asks for these columns of everything, or of a disk and what is on it, one row each (lsblk(8)). */
export function planList(columns: string, disk?: string): Command {
  const which = disk === undefined ? [] : [disk]
  return { argv: ['lsblk', '--json', '--bytes', '--list', '--output', columns, ...which] }
}

/** The rows of its answer; a column that has nothing is null. @throws `program-failed` */
export function parseBlockDevices<Row>(listing: string): readonly Row[] {
  try {
    return (JSON.parse(listing) as { blockdevices: readonly Row[] }).blockdevices
  } catch (cause) {
    throw new AppError('program-failed', 'Cannot read what "lsblk" says of the disks: it is no JSON', { cause })
  }
}

/** As the column MOUNTPOINTS has it: of what is mounted nowhere a list with null alone. */
export type Mountpoints = readonly (string | null)[] | null

export function mountedAt(mountpoints: Mountpoints | undefined): readonly string[] {
  return (mountpoints ?? []).filter((place) => place !== null)
}
