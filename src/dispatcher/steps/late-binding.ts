import { mkdir } from 'node:fs/promises'
import { arch } from 'node:os'
import { AppError, isAppError } from '../../shared/errors.ts'
import type { Command } from '../../shared/exec.ts'
import { isPresent } from '../../shared/files.ts'
import { DATA_TYPE, isCidata, wantsConfigDrive } from '../../shared/recipe/roles.ts'
import { retry } from '../../shared/time.ts'
import { kindOf } from '../imaging/partition-table.ts'
import type { Disk } from './disk.ts'
import { partitionPath } from './disk.ts'
import type { DiskTable, TablePartition } from './disk-table.ts'
import {
  espOf,
  lastPartition,
  parseTable,
  planAppend,
  planGrow,
  planMoveBackup,
  planReadTable,
  planReread,
} from './disk-table.ts'
import { planGrowFileSystem, probeFileSystem } from './grow.ts'
import { checkWhole, withoutEsp } from './image-checks.ts'
import { placeInInstalled } from './installed-root.ts'
import { CONFIG_DRIVE_BYTES } from './layout.ts'
import { parseBlockDevices, planList } from './lsblk.ts'
import { NEW_ROOT, withMounts } from './mounts.ts'
import { FIRMWARE, makeBootEntry, removableLoader } from './nvram.ts'
import type { StepContext } from './step.ts'

/** What was made of the image on the disk for this one server. */
export interface Bound {
  readonly config_drive?: string
  readonly grown?: string
  readonly files?: readonly string[]
  readonly boot_entry: string
}

type BindContext = Pick<StepContext, 'recipe' | 'programs' | 'say' | 'signal'>

/** cloud-init reads it under either type; what an MBR calls a FAT of this size (LBA). */
const CONFIG_DRIVE = { bytes: CONFIG_DRIVE_BYTES, type: { gpt: DATA_TYPE, dos: 'c' }, label: 'CIDATA' }

/**
 * Fits a written image of `bytes` to its disk and its server: table, NoCloud partition, size, files, boot menu.
 * @throws `image-unusable` for one that was cut off, or that the firmware could not start
 */
export async function bindImage(disk: Disk, bytes: number, context: BindContext, firmware = FIRMWARE): Promise<Bound> {
  const { recipe, programs, signal, say } = context
  const run = async (commands: readonly (Command | undefined)[]) => {
    for (const command of commands) if (command !== undefined) await programs.run(command, signal)
  }
  const table = async () => parseTable(await programs.read(planReadTable(disk), signal), disk)

  await reread(disk, context)
  const brought = await table()
  checkWhole(bytes, endOf(brought))
  if (brought.label === 'gpt') {
    await run(planMoveBackup(disk))
    await reread(disk, context)
  }
  const uefi = await isPresent(firmware)
  const esp = uefi ? espOf(brought) : undefined
  if (uefi) await checkLoader(disk, esp, context)
  const drive = wantsConfigDrive(recipe) ? await findConfigDrive(disk, esp, context) : undefined
  // Found out before the partition is appended behind it.
  const last = lastPartition(await table())
  if (wantsConfigDrive(recipe) && drive === undefined) await run([planAppend(disk, await table(), CONFIG_DRIVE)])
  const grown = recipe.grow_last_partition === true ? wanted(last, disk) : undefined
  if (grown !== undefined) await run([planGrow(disk, await table(), grown)])
  await reread(disk, context)
  if (grown !== undefined) {
    const device = partitionPath(disk, grown.number)
    await growFileSystem(device, context)
    say(`${device} and its file system were grown`)
  }
  const files = recipe.files?.map(({ path }) => path)
  if (files !== undefined) await writeFiles(disk, await table(), context)
  return {
    ...(wantsConfigDrive(recipe) && { config_drive: drive ?? appended(disk, await table()) }),
    ...(grown !== undefined && { grown: partitionPath(disk, grown.number) }),
    ...(files !== undefined && { files }),
    // Without it the firmware would go on to start what an earlier job has installed on another disk.
    boot_entry: await makeBootEntry(disk.path, esp?.number, context, firmware),
  }
}

/** udev opens each new partition to look into it, and the kernel reads no table while one is open. */
const REREAD = { firstMs: 100, maxMs: 1000, attempts: 20 }

async function reread(disk: Disk, { programs, signal }: BindContext): Promise<void> {
  const ask = async () => {
    for (const command of planReread(disk)) await programs.run(command, signal)
  }
  await retry(ask, REREAD, (error) => isAppError(error, 'program-failed'), signal)
}

/** Fails when it is not there (mtools(1)). */
export function planFindLoader(device: string): Command {
  return { argv: ['mdir', '-b', '-i', device, `::/${removableLoader(arch())}`] }
}

/** Where the firmware looks, and where our entry of the boot menu leads. */
async function checkLoader(disk: Disk, esp: TablePartition | undefined, { programs, signal }: BindContext) {
  if (esp === undefined) throw withoutEsp()
  const loader = removableLoader(arch())
  await programs.read(planFindLoader(partitionPath(disk, esp.number)), signal).catch((cause: unknown) => {
    signal.throwIfAborted()
    const message = `Cannot use the image: its EFI system partition has no ${loader}, which this server would start`
    throw new AppError('image-unusable', message, { cause })
  })
}

function endOf({ partitions, sectorBytes }: DiskTable): number {
  return Math.max(0, ...partitions.map(({ start, size }) => start + size)) * sectorBytes
}

function wanted(last: TablePartition | undefined, disk: Disk): TablePartition {
  if (last !== undefined) return last
  throw new AppError('image-unusable', `Cannot grow the last partition of ${disk.path}: the image has none`)
}

function appended(disk: Disk, table: DiskTable): string {
  return partitionPath(disk, wanted(lastPartition(table), disk).number)
}

/** A partition of the image that is one already, by the label of its file system or its own. */
async function findConfigDrive(disk: Disk, esp: TablePartition | undefined, { programs, signal }: BindContext) {
  const listing = await programs.read(planList('PATH,TYPE,FSTYPE,LABEL,PARTLABEL,PARTTYPE', disk.path), signal)
  return configDriveOf(listing, esp && partitionPath(disk, esp.number))
}

interface PartitionRow {
  readonly path: string
  readonly type: string
  readonly fstype: string | null
  readonly label: string | null
  readonly partlabel: string | null
  readonly parttype: string | null
}

/**
 * Reads lsblk. One that cannot be written by mtools, such as an ISO9660 one, is left alone; and so is an ESP of that name, for
 * the drive is made anew and the boot loader would go.
 */
export function configDriveOf(listing: string, esp?: string): string | undefined {
  return parseBlockDevices<PartitionRow>(listing).find(
    ({ path, type, fstype, label, partlabel, parttype }) =>
      type === 'part' &&
      path !== esp &&
      kindOf(parttype ?? '') !== 'esp' &&
      (fstype === 'vfat' ? isCidata(label) : fstype === null && isCidata(partlabel)),
  )?.path
}

async function growFileSystem(device: string, { programs, signal }: BindContext): Promise<void> {
  const type = await probeFileSystem(device, programs, signal)
  const { unmounted, mounted } = planGrowFileSystem(device, type, NEW_ROOT)
  for (const command of unmounted) await programs.run(command, signal)
  if (mounted.length === 0) return
  const mount: Command = { argv: ['mount', '-t', type ?? '', device, NEW_ROOT] }
  await withMounts([{ directory: NEW_ROOT, command: mount }], NEW_ROOT, programs, signal, async () => {
    for (const command of mounted) await programs.run(command, signal)
  })
}

/** Whichever file system has the installed system on it; the largest is tried first. */
async function writeFiles(disk: Disk, { partitions }: DiskTable, context: BindContext): Promise<void> {
  const { recipe, programs, signal } = context
  await mkdir(NEW_ROOT, { recursive: true })
  for (const { number } of partitions.toSorted((a, b) => b.size - a.size)) {
    const device = partitionPath(disk, number)
    const type = await probeFileSystem(device, programs, signal)
    if (type !== 'ext4' && type !== 'xfs' && type !== 'btrfs') continue
    const mount: Command = { argv: ['mount', '-t', type, device, NEW_ROOT] }
    const isRoot = await withMounts([{ directory: NEW_ROOT, command: mount }], NEW_ROOT, programs, signal, () =>
      placeInInstalled(NEW_ROOT, recipe.files ?? []),
    )
    if (isRoot) return
  }
  throw new AppError(
    'step-failed',
    'Cannot write the files of the recipe: no file system of the image has /etc and /usr',
  )
}
