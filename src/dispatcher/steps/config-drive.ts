import { join } from 'node:path'
import { AppError } from '../../shared/errors.ts'
import type { Command } from '../../shared/exec.ts'
import { isPresent } from '../../shared/files.ts'
import type { Recipe } from '../../shared/recipe/schema.ts'
import { TASK_TEXTS } from '../../shared/task/job-file.ts'
import { partitionPath } from './disk.ts'
import { configDriveSlot, layoutDisk } from './layout.ts'
import type { PreparedDisk } from './prepared-disk.ts'
import { findPrepared } from './prepared-disk.ts'
import type { Step } from './step.ts'

/** Files of cloud-init's NoCloud data source; the dispatcher has written those that the recipe has. */
const NOCLOUD_FILES = [TASK_TEXTS.user_data, TASK_TEXTS.meta_data, TASK_TEXTS.network_config]

/** Puts user-data, meta-data and network-config where cloud-init looks for them. */
export const configDrive: Step = {
  name: 'config-drive',
  prefix: 'config-drive',
  async run(context) {
    const { recipe, paths, programs, say, signal } = context
    const files = await presentFiles(paths.root)
    if (files.length === 0) {
      say('the recipe has no user-data, meta-data or network-config: nothing to write')
      return { files: [] }
    }
    const { device, label } = placeOf(await findPrepared(context), recipe)
    for (const command of planConfigDrive(device, label, paths.root, files)) {
      await programs.run(command, signal)
    }
    say(`${files.join(', ')} written to ${device}`)
    return { device, files }
  },
}

/** In an image it was found or made when that was written; the layout of a recipe has a partition for it. */
function placeOf({ disk, configDrive: device }: PreparedDisk, recipe: Recipe) {
  if (device !== undefined) return { device, label: 'CIDATA' }
  const slot = recipe.partition_layout && configDriveSlot(layoutDisk(recipe, disk.bytes))
  if (slot === undefined) throw new AppError('step-failed', 'Cannot write the NoCloud drive: no partition is for it')
  return { device: partitionPath(disk, slot.number), label: slot.label ?? 'CIDATA' }
}

/**
 * A new file system each time, so a repeated step leaves nothing of the first. What lay there before goes: a RAID or ZFS label at
 * the end would be what udev takes the partition for. mtools writes it without a mount.
 */
export function planConfigDrive(
  device: string,
  label: string,
  directory: string,
  files: readonly string[],
): readonly Command[] {
  return [
    { argv: ['wipefs', '--all', '--force', '--quiet', device] },
    { argv: ['mkfs.vfat', '-n', label, device] },
    { argv: ['mcopy', '-i', device, ...files.map((name) => join(directory, name)), '::/'] },
    { argv: ['sync', device] },
  ]
}

async function presentFiles(directory: string): Promise<string[]> {
  const checks = NOCLOUD_FILES.map(async (name) => ((await isPresent(join(directory, name))) ? [name] : []))
  return (await Promise.all(checks)).flat()
}
