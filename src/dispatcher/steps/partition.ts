import { constants } from 'node:fs'
import { open, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../shared/errors.ts'
import { retry } from '../../shared/time.ts'
import { readText } from '../block-devices.ts'
import type { Command } from '../exec.ts'
import type { Disk } from './disk.ts'
import { describeDisk, findDisk, partitionPath } from './disk.ts'
import type { Slot } from './layout.ts'
import { configDriveSlot, layoutDisk } from './layout.ts'
import { identityOf } from './prepared-disk.ts'
import type { Step } from './step.ts'

/** Erases the target disk and makes the partitions and file systems of the recipe. */
export const partition: Step = {
  name: 'partition',
  prefix: 'partition',
  async run(context) {
    const { recipe, programs, say, progress, signal } = context
    const disk = await findDisk(context)
    const slots = layoutDisk(recipe, disk.bytes)
    configDriveSlot(slots)
    const read = (command: Command) => programs.read(command, signal)
    await checkIdle(disk, read, signal)
    // What is chosen is told before anything is written.
    say(`erasing ${describeDisk(disk)}`)
    progress.message(`erasing ${describeDisk(disk)}`)
    const old = await oldPartitions(disk, read)
    for (const command of planTable(disk, slots, old)) await programs.run(command, signal)
    await waitForNodes(disk, slots, (command) => programs.run(command, signal), signal)
    for (const slot of slots) {
      const command = planFormat(disk, slot)
      if (command !== undefined) await programs.run(command, signal)
    }
    // The links by UUID that grub-probe looks for are made by udev.
    await programs.run(SETTLE, signal)
    return { disk: identityOf(disk), partitions: slots }
  },
}

const SETTLE: Command = { argv: ['udevadm', 'settle', '--timeout=60'] }

/** udev may hold a new node for a moment; this is more than a slow array ever took. */
const NODE_WAIT = { firstMs: 100, maxMs: 1000, attempts: 40 }

/** Everything up to the new table. Signatures go first: an old file system or RAID member would come back with its offset. */
export function planTable(disk: Disk, slots: readonly Slot[], old: readonly string[]): readonly Command[] {
  const alignment = (1024 * 1024) / disk.sectorBytes
  const sectors = (bytes: number) => bytes / disk.sectorBytes
  return [
    { argv: ['wipefs', '--all', '--force', '--quiet', ...old, disk.path] },
    { argv: ['sgdisk', '--zap-all', disk.path] },
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
      return { argv: ['mkfs.xfs', '-q', '-f', ...label('-L'), device] }
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
  return slot.type.startsWith('C12A7328') && slot.bytes >= 66_000 * disk.sectorBytes ? ['-F', '32'] : []
}

/** Present partitions of the disk, to be wiped too. */
async function oldPartitions(disk: Disk, read: (command: Command) => Promise<string>): Promise<string[]> {
  const listing = await read(planListing(disk))
  return readListing(listing).flatMap(({ path, type }) => (type === 'part' ? [path] : []))
}

function planListing(disk: Disk): Command {
  return { argv: ['lsblk', '--noheadings', '--list', '--output', 'PATH,TYPE,MOUNTPOINT', disk.path] }
}

function readListing(listing: string) {
  return listing.split('\n').flatMap((line) => {
    const [path, type, mountpoint] = line.trim().split(/\s+/)
    return path !== undefined && type !== undefined ? [{ path, type, mountpoint }] : []
  })
}

/** LVM and RAID may still be coming up, or be let go, when the step begins. */
const IDLE_WAIT = { firstMs: 250, maxMs: 1000, attempts: 5 }

/**
 * Refuses a disk that something holds: a mount in any namespace, swap, a RAID or a volume group found by the image. Erasing
 * it would leave the old partitions in the kernel, and whatever holds them writing. O_EXCL without O_CREAT asks for that
 * (open(2)).
 */
export async function checkIdle(
  disk: Disk,
  read: (command: Command) => Promise<string>,
  signal: AbortSignal,
): Promise<void> {
  const claim = async () => (await open(disk.path, constants.O_RDONLY | constants.O_EXCL)).close()
  const isBusy = (error: unknown) => error instanceof Error && 'code' in error && error.code === 'EBUSY'
  await retry(claim, IDLE_WAIT, isBusy, signal).catch(async (cause: unknown) => {
    signal.throwIfAborted()
    if (!isBusy(cause)) throw new AppError('step-failed', `Cannot open ${describeDisk(disk)}`, { cause })
    const holders = readListing(await read(planListing(disk))).filter(
      ({ type, mountpoint }) => (type !== 'disk' && type !== 'part') || mountpoint !== undefined,
    )
    const names = holders.map(({ path, type, mountpoint }) => `${path} (${mountpoint ?? type})`).join(', ')
    throw new AppError('step-failed', `Cannot erase ${describeDisk(disk)}: it is in use${names && `, by ${names}`}`)
  })
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
