import { readFile } from 'node:fs/promises'
import { AppError } from '../../shared/errors.ts'
import type { Recipe } from '../../shared/recipe/schema.ts'
import type { Disk } from './disk.ts'
import { describeDisk, findDisk } from './disk.ts'
import type { StepContext } from './step.ts'

/** What the step that erases a disk leaves of it in its `state/NAME.json`. */
export type DiskIdentity = Pick<Disk, 'path' | 'bytes' | 'serial' | 'wwn' | 'model'>

export function identityOf({ path, bytes, serial, wwn, model }: Disk): DiskIdentity {
  return { path, bytes, serial, wwn, model }
}

/** Whether a disk is the one that was seen earlier, under the name it had then. */
export function isSameDisk(disk: DiskIdentity, { path, bytes, serial, wwn }: DiskIdentity): boolean {
  return disk.path === path && disk.bytes === bytes && disk.serial === serial && disk.wwn === wwn
}

/** The step that erases the disk, by what the recipe is for. */
function preparingStep({ task_target: target }: Recipe): 'partition' | 'image-disk' {
  return target === 'install-image.target' ? 'image-disk' : 'partition'
}

/** What the step that has erased the disk has left. */
export interface PreparedDisk {
  readonly disk: Disk
  /** Device node of the NoCloud partition that `image-disk` has found or made. */
  readonly configDrive: string | undefined
}

/**
 * The disk of the recipe, for the steps after the one that erased it. Disks come and go, and a selector may mean another one by now:
 * only the disk that was erased by this boot may be written further.
 * @throws `step-failed`
 */
export async function findPreparedDisk(context: PreparedContext): Promise<Disk> {
  return (await findPrepared(context)).disk
}

type PreparedContext = Pick<StepContext, 'recipe' | 'programs' | 'protectedDevices' | 'signal' | 'paths'>

/** @throws `step-failed` */
export async function findPrepared(context: PreparedContext): Promise<PreparedDisk> {
  const disk = await findDisk(context)
  const step = preparingStep(context.recipe)
  const text = await readFile(context.paths.step(step), 'utf8').catch(() => '{}')
  const { status, disk: erased, config_drive: configDrive } = JSON.parse(text) as StepState
  if (status !== 'done' || erased === undefined) {
    throw new AppError('step-failed', `Cannot write ${describeDisk(disk)}: the ${step} step has not prepared it`)
  }
  if (isSameDisk(disk, erased)) return { disk, configDrive }
  const message = `Cannot write ${describeDisk(disk)}: the ${step} step has prepared another disk, ${erased.path}`
  throw new AppError('step-failed', message)
}

interface StepState {
  readonly status?: string
  readonly disk?: DiskIdentity
  readonly config_drive?: string
}
