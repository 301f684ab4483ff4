import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { streamBlob } from '../../oci/blob.ts'
import { chooseRootfs } from '../../oci/manifest.ts'
import { AppError } from '../../shared/errors.ts'
import type { Command } from '../../shared/exec.ts'
import { isPresent } from '../../shared/files.ts'
import { ESP_TYPE } from '../../shared/recipe/roles.ts'
import { retry } from '../../shared/time.ts'
import { checkZstdWindow, ZSTD_HEAD_BYTES } from '../../shared/zstd-window.ts'
import { readText } from '../block-devices.ts'
import { headOf } from '../imaging/pieces.ts'
import { openArtifact } from './artifact.ts'
import type { Disk } from './disk.ts'
import { findDisk, partitionPath } from './disk.ts'
import { SETTLE } from './disk-table.ts'
import { claimDisk, planErase } from './interlock.ts'
import type { Slot } from './layout.ts'
import { layoutDisk } from './layout.ts'
import { FIRMWARE } from './nvram.ts'
import { identityOf } from './prepared-disk.ts'
import type { Step, StepContext, StepFacts } from './step.ts'

/** Erases the target disk and makes the partitions and file systems of the recipe. */
export const partition: Step = partitionStep(FIRMWARE)

export function partitionStep(firmware: string): Step {
  return { name: 'partition', prefix: 'partition', run: (context) => run(context, firmware) }
}

async function run(context: StepContext, firmware: string): Promise<StepFacts> {
  const { recipe, programs, signal } = context
  await checkFirmware(firmware)
  const disk = await findDisk(context)
  const slots = layoutDisk(recipe, disk.bytes)
  await checkArtifact(context)
  const old = await claimDisk(disk, context)
  for (const command of planTable(disk, slots, old)) await programs.run(command, signal)
  await waitForNodes(disk, slots, (command) => programs.run(command, signal), signal)
  await programs.run(planWipe(disk, slots), signal)
  for (const slot of slots) {
    const command = planFormat(disk, slot)
    if (command !== undefined) await programs.run(command, signal)
  }
  // The links by UUID that grub-probe looks for are made by udev.
  await programs.run(SETTLE, signal)
  return { disk: identityOf(disk), partitions: slots }
}

/** The boot loaders that are installed afterwards are for UEFI: a BIOS would not find them. */
async function checkFirmware(firmware: string): Promise<void> {
  if (await isPresent(firmware)) return
  const state = 'it was started by a BIOS, and the boot loader will be one for UEFI. Switch its firmware to UEFI'
  throw new AppError('step-failed', `Cannot install a system that this server starts: ${state}`)
}

/**
 * The step that unpacks it would be too late: nothing is erased for an artifact that is not there, is another one than the recipe
 * demands, has no root file system, or one that cannot be decompressed.
 */
async function checkArtifact(context: StepContext): Promise<void> {
  const { recipe, signal } = context
  if (recipe.oci_url === undefined) return
  const { repository, artifact } = await openArtifact(context)
  if (recipe.task_target !== 'install-linux.target') return
  const layer = chooseRootfs(artifact.layers)
  checkZstdWindow(await headOf(streamBlob(repository, layer, signal), ZSTD_HEAD_BYTES))
}

/** udev may hold a new node for a moment; this is more than a slow array ever took. */
const NODE_WAIT = { firstMs: 100, maxMs: 1000, attempts: 40 }

/** Everything up to the new table. */
export function planTable(disk: Disk, slots: readonly Slot[], old: readonly string[]): readonly Command[] {
  const alignment = (1024 * 1024) / disk.sectorBytes
  const sectors = (bytes: number) => bytes / disk.sectorBytes
  return [
    ...planErase(disk, old),
    {
      argv: [
        'sgdisk',
        '--clear',
        `--set-alignment=${alignment}`,
        ...slots.flatMap(({ number, start, bytes, type, label }) => [
          `--new=${number}:${sectors(start)}:${sectors(start + bytes) - 1}`,
          `--typecode=${number}:${type}`,
          ...(label === undefined ? [] : [`--change-name=${number}:${label}`]),
        ]),
        disk.path,
      ],
    },
    SETTLE,
  ]
}

/**
 * A table that was removed earlier has hidden what lay in its partitions, and a new one in the same place would show it again: as an
 * array, or beside the new file system's own signature, which then is ambiguous (blkid(8)).
 */
export function planWipe(disk: Pick<Disk, 'path'>, slots: readonly Slot[]): Command {
  return { argv: ['wipefs', '--all', '--force', '--quiet', ...slots.map(({ number }) => partitionPath(disk, number))] }
}

/**
 * Features by default in 2019: kernels before 5.19 and GRUB before 2.12 refuse `nrext64`, kernels before 5.10 `bigtime`. Whatever a
 * later mkfs.xfs adds, its own package turns off in this file (mkfs.xfs(8)).
 */
const XFS_FEATURES = '/usr/share/xfsprogs/mkfs/lts_5.4.conf'

/** Makes the file system; undefined for `none`. */
export function planFormat(disk: Disk, slot: Slot): Command | undefined {
  const device = partitionPath(disk, slot.number)
  const label = (option: string) => (slot.label === undefined ? [] : [option, slot.label])
  switch (slot.format) {
    case 'vfat':
      return { argv: ['mkfs.vfat', ...fatSize(disk, slot), ...label('-n'), device] }
    case 'ext4':
      // Boot loaders of current distributions cannot read these two yet (GRUB before 2.12).
      return { argv: ['mkfs.ext4', '-q', '-F', '-O', '^metadata_csum_seed,^orphan_file', ...label('-L'), device] }
    case 'xfs':
      return { argv: ['mkfs.xfs', '-q', '-f', '-c', `options=${XFS_FEATURES}`, ...label('-L'), device] }
    case 'btrfs':
      return { argv: ['mkfs.btrfs', '-q', '-f', ...label('-L'), device] }
    case 'swap':
      return { argv: ['mkswap', ...label('-L'), device] }
    case 'none':
      return undefined
  }
}

/** FAT32 needs 65,525 clusters of at least a sector; a smaller volume gets what mkfs.vfat chooses (UEFI 2.10 13.3). */
function fatSize(disk: Disk, slot: Slot): string[] {
  return slot.type === ESP_TYPE && slot.bytes >= 66_000 * disk.sectorBytes ? ['-F', '32'] : []
}

/**
 * The evidence that the kernel has the new table: every partition, where and as large as planned. sgdisk only warns when
 * the kernel keeps the old one, so after a while it is asked again, and its refusal is the error.
 */
async function waitForNodes(
  disk: Disk,
  slots: readonly Slot[],
  run: (command: Command) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const check = async (attempt: number) => {
    if (attempt > 5 && attempt % 5 === 0) await run({ argv: ['blockdev', '--rereadpt', disk.path] })
    for (const slot of slots) {
      const path = partitionPath(disk, slot.number)
      const name = (await realpath(path).catch(() => path)).split('/').at(-1) ?? ''
      const node = join('/sys/class/block', name)
      const [start, size] = [await readText(join(node, 'start')), await readText(join(node, 'size'))]
      // sysfs counts in 512 bytes, whatever the sector; a mapping has no start.
      const right = Number(size) * 512 === slot.bytes && (start === undefined || Number(start) * 512 === slot.start)
      if (!right) throw new AppError('step-failed', `Cannot find ${path}: the kernel does not show the new partition`)
    }
  }
  await retry(check, NODE_WAIT, () => true, signal)
}
