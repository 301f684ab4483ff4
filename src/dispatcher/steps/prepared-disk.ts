import { readFile } from 'node:fs/promises'
import { AppError } from '../../shared/errors.ts'
import type { Disk } from './disk.ts'
import { describeDisk, findDisk } from './disk.ts'
import type { StepContext } from './step.ts'

/** What the partition step leaves of its disk in `state/partition.json`. */
export type DiskIdentity = Pick<Disk, 'path' | 'bytes' | 'serial' | 'wwn' | 'model'>

export function identityOf({ path, bytes, serial, wwn, model }: Disk): DiskIdentity {
  return { path, bytes, serial, wwn, model }
}

/**
 * The disk of the recipe, for the steps after `partition`. Disks come and go, and a selector may mean another one by now:
 * only the disk that was erased by this boot may be written further.
 * @throws `step-failed`
 */
export async function findPreparedDisk(
  context: Pick<StepContext, 'recipe' | 'programs' | 'protectedDevices' | 'signal' | 'paths'>,
): Promise<Disk> {
  const disk = await findDisk(context)
  const text = await readFile(context.paths.step('partition'), 'utf8').catch(() => '{}')
  const { status, disk: erased } = JSON.parse(text) as { status?: string; disk?: DiskIdentity }
  if (status !== 'done' || erased === undefined) {
    throw new AppError('step-failed', `Cannot write ${describeDisk(disk)}: the partition step has not prepared it`)
  }
  const { path, bytes, serial, wwn } = identityOf(disk)
  if (path === erased.path && bytes === erased.bytes && serial === erased.serial && wwn === erased.wwn) return disk
  const message = `Cannot write ${describeDisk(disk)}: the partition step has prepared another disk, ${erased.path}`
  throw new AppError('step-failed', message)
}
