import { constants } from 'node:fs'
import { mkdir, open, readFile } from 'node:fs/promises'
import { AppError } from '../../shared/errors.ts'
import type { Command } from '../../shared/exec.ts'
import { readAt } from '../../shared/file-at.ts'
import { writeFileAtomic } from '../../shared/files.ts'
import { hasCode } from '../../shared/system-error.ts'
import { retry } from '../../shared/time.ts'
import type { Disk } from './disk.ts'
import { describeDisk, findDisk } from './disk.ts'
import { type Mountpoints, mountedAt, parseBlockDevices, planList } from './lsblk.ts'
import { identityOf, isSameDisk } from './prepared-disk.ts'
import type { StepContext } from './step.ts'

type Read = (command: Command) => Promise<string>

/**
 * Everything between a disk that was chosen and the first byte: nothing holds it, it is empty if the recipe demands that,
 * the controller has stored which one it is, and it still is that one. Gives the device nodes of its old partitions.
 * @throws `disk-refused`, `controller-unreachable`
 */
export async function claimDisk(disk: Disk, context: ClaimContext): Promise<readonly string[]> {
  const { recipe, paths, programs, say, progress, signal } = context
  const read = (command: Command) => programs.read(command, signal)
  await checkIdle(disk, read, signal)
  const old = await oldPartitions(disk, read)
  const identity = `${JSON.stringify(identityOf(disk))}\n`
  const isOurs = (await readFile(paths.erased, 'utf8').catch(() => '')) === identity
  if (recipe.require_empty === true && !isOurs) await checkEmpty(disk, old, read)
  say(`erasing ${describeDisk(disk)}`)
  await progress.announce(`erasing ${describeDisk(disk)}`)
  await checkSame(disk, context)
  // A step that is tried again finds what it has written itself.
  await mkdir(paths.state, { recursive: true, mode: 0o755 })
  await writeFileAtomic(paths.erased, identity, 0o644)
  return old
}

type ClaimContext = Pick<
  StepContext,
  'recipe' | 'paths' | 'programs' | 'protectedDevices' | 'say' | 'progress' | 'signal'
>

/**
 * Only the name is used from here on, and the kernel gives it to another disk when a controller is reset and finds its disks in
 * another order; registry and announcement have taken minutes.
 */
async function checkSame(disk: Disk, context: ClaimContext): Promise<void> {
  const found = await findDisk(context)
  if (isSameDisk(found, disk)) return
  const message = `Cannot erase ${describeDisk(found)}: when it was announced it was ${describeDisk(disk)}`
  throw new AppError('disk-refused', message)
}

/** Signatures go first: an old file system or RAID member would come back with its offset. */
export function planErase(disk: Pick<Disk, 'path'>, old: readonly string[]): readonly Command[] {
  return [
    { argv: ['wipefs', '--all', '--force', '--quiet', ...old, disk.path] },
    { argv: ['sgdisk', '--zap-all', disk.path] },
  ]
}

/** LVM and RAID may still be coming up, or be let go, when the step begins. */
const IDLE_WAIT = { firstMs: 250, maxMs: 1000, attempts: 5 }

/**
 * Refuses a disk that something holds: a mount in any namespace, swap, a RAID or a volume group found by the image. Erasing
 * it would leave the old partitions in the kernel, and whatever holds them writing. O_EXCL without O_CREAT asks for that
 * (open(2)).
 */
async function checkIdle(disk: Disk, read: Read, signal: AbortSignal): Promise<void> {
  const claim = async () => (await open(disk.path, constants.O_RDONLY | constants.O_EXCL)).close()
  const isBusy = (error: unknown) => hasCode(error, 'EBUSY')
  await retry(claim, IDLE_WAIT, isBusy, signal).catch(async (cause: unknown) => {
    signal.throwIfAborted()
    if (!isBusy(cause)) throw new AppError('step-failed', `Cannot open ${describeDisk(disk)}`, { cause })
    const rows = (await listed(disk, read)).map((row) => ({ ...row, places: mountedAt(row.mountpoints) }))
    const holders = rows.filter(({ type, places }) => (type !== 'disk' && type !== 'part') || places.length > 0)
    const names = holders.map(({ path, type, places }) => `${path} (${places.join(', ') || type})`).join(', ')
    throw new AppError('disk-refused', `Cannot erase ${describeDisk(disk)}: it is in use${names && `, by ${names}`}`)
  })
}

/** Present partitions of the disk, to be wiped too. */
async function oldPartitions(disk: Disk, read: Read): Promise<string[]> {
  return (await listed(disk, read)).flatMap(({ path, type }) => (type === 'part' ? [path] : []))
}

interface Row {
  readonly path: string
  readonly type: string
  readonly mountpoints: Mountpoints
}

/** The disk and everything on it. */
async function listed(disk: Disk, read: Read): Promise<readonly Row[]> {
  return parseBlockDevices<Row>(await read(planList('PATH,TYPE,MOUNTPOINTS', disk.path)))
}

/** How much of the start must be zeros: boot sectors and both kinds of partition table lie there. */
const EMPTY_BYTES = 1024 * 1024

/** @throws `disk-refused` with what was found */
async function checkEmpty(disk: Disk, old: readonly string[], read: Read): Promise<void> {
  const found = await read({ argv: ['wipefs', '--noheadings', '--output', 'TYPE,OFFSET', disk.path] })
  const signatures = found.split('\n').flatMap((line) => {
    const [type, offset] = line.trim().split(/\s+/)
    return type ? [`${type} at ${offset}`] : []
  })
  const reason =
    (old.length > 0 && `it has ${old.length === 1 ? 'a partition' : `${old.length} partitions`}`) ||
    (signatures.length > 0 && `it has ${signatures.join(', ')}`) ||
    (!(await startsWithZeros(disk.path)) && 'its first MiB is not all zeros')
  if (reason === false) return
  const message = `Cannot erase ${describeDisk(disk)}: the recipe demands an empty disk, and ${reason}`
  throw new AppError('disk-refused', message)
}

async function startsWithZeros(path: string): Promise<boolean> {
  const file = await open(path, 'r')
  try {
    const buffer = Buffer.alloc(EMPTY_BYTES)
    return buffer.subarray(0, await readAt(file, buffer, 0)).every((byte) => byte === 0)
  } finally {
    await file.close()
  }
}
