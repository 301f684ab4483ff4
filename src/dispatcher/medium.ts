import { open } from 'node:fs/promises'
import { DESCRIPTOR_TYPE, FIRST_DESCRIPTOR, SECTOR, STANDARD_IDENTIFIER } from '../isobuilder/constants.ts'
import type { ReadAt } from '../isobuilder/reader.ts'
import { mediumFile, openIso, readVolumeId } from '../isobuilder/reader.ts'
import { AppError, isAppError } from '../shared/errors.ts'
import { TASK_LABEL_PREFIX } from '../shared/task/job-file.ts'
import type { Backoff } from '../shared/time.ts'
import { retry, sleep, withTimeout } from '../shared/time.ts'
import type { DeviceRoots } from './block-devices.ts'
import { mediumCandidates } from './block-devices.ts'
import { answers } from './first-look.ts'

/** A task medium, open for reading. */
export interface TaskMedium extends AsyncDisposable {
  readonly device: string
  readonly label: string
  /** Byte at which its volume begins: 0, or behind a maintenance medium in the same virtual file. */
  readonly base: number
  readonly readAt: ReadAt
}

/** Writers pad behind the volume (isohybrid adds a second GPT); the task medium follows on a sector within this. */
const MAX_PADDING = 4 * 1024 * 1024

/** A second USB device often appears late, and a BMC may need a minute to show what was inserted. */
export const MEDIUM_WAIT_MS = 120_000

/** Virtual media give single errors when they have just been inserted. */
export const MEDIUM_READS: Backoff = { firstMs: 1000, maxMs: 1000, attempts: 3 }

/** A drive in error recovery takes minutes for one answer; those behind it wait so long for it, once. */
const PROBE_MS = 20_000

/**
 * Looks until a task medium is there, by content and not by name: the order of CD drives is not stable, and some BMCs show
 * an image as a USB disk. `file` is looked at once, and alone; devices of `without` are not looked at.
 * @throws `medium-missing`
 */
export async function findMedium(
  roots: DeviceRoots,
  file: string | undefined,
  waitMs: number,
  signal: AbortSignal,
  { probeMs = PROBE_MS, without = [] }: { readonly probeMs?: number; readonly without?: readonly string[] } = {},
): Promise<TaskMedium> {
  if (file !== undefined) {
    const medium = await probe(file)
    if (medium !== undefined) return medium
    throw new AppError('medium-missing', `Cannot find a task medium: "${file}" has no volume ${TASK_LABEL_PREFIX}…`)
  }
  let looked: readonly string[] = []
  const looks: Looks = new Map()
  const search = new AbortController()
  try {
    const limit = AbortSignal.any([withTimeout(signal, waitMs), search.signal])
    const scan = async () => {
      looked = (await mediumCandidates(roots)).filter((device) => !without.includes(device))
      return scanDevices(looked, looks, probeMs, limit)
    }
    const pace = { firstMs: 250, maxMs: 2000, attempts: Number.POSITIVE_INFINITY }
    return await retry(scan, pace, (error) => isAppError(error, 'medium-missing'), limit)
  } catch (cause) {
    signal.throwIfAborted()
    const where = looked.length === 0 ? 'there is no CD drive and no USB disk' : `none is in ${looked.join(', ')}`
    const message = `Cannot find a task medium within ${Math.round(waitMs / 1000)} s: ${where}. Is the task ISO inserted?`
    throw new AppError('medium-missing', message, { cause })
  } finally {
    search.abort()
    for (const look of looks.values()) void look.then((medium) => medium?.[Symbol.asyncDispose]())
  }
}

const LATE = 'late' as const

/** What is asked of devices and was not taken yet, by device. */
type Looks = Map<string, Promise<TaskMedium | undefined>>

/**
 * Looks at all of them at the same time. One that did not answer in an earlier scan is not waited for, and has until the end of
 * the search. Of several media the first device has it, so that it does not depend on which was faster.
 */
async function scanDevices(
  devices: readonly string[],
  looks: Looks,
  probeMs: number,
  search: AbortSignal,
): Promise<TaskMedium> {
  const slow = new Set(looks.keys())
  for (const device of devices) if (!slow.has(device)) looks.set(device, look(device, search))
  const scan = new AbortController()
  const late = sleep(probeMs, AbortSignal.any([search, scan.signal])).then(
    () => LATE,
    () => LATE,
  )
  try {
    for (const device of devices) {
      const found = await Promise.race([looks.get(device), slow.has(device) ? LATE : late])
      if (found === LATE) continue
      looks.delete(device)
      if (found !== undefined) return found
    }
  } finally {
    scan.abort()
  }
  throw new AppError('medium-missing', 'Cannot find a task medium yet')
}

/** Undefined when there is none, or the search ended before the device has answered. */
async function look(device: string, search: AbortSignal): Promise<TaskMedium | undefined> {
  if (!(await answers(device)) || search.aborted) return undefined
  // An empty drive cannot be opened, and a drive that is starting up cannot be read: the next scan may.
  return probe(device).catch(() => undefined)
}

/** The task medium in a device or file, if there is one. */
async function probe(device: string): Promise<TaskMedium | undefined> {
  const handle = await open(device, 'r')
  const readAt = mediumFile(handle)
  const found = await findVolume(readAt).catch(async (error: unknown) => {
    await handle.close()
    throw error
  })
  if (found === undefined) {
    await handle.close()
    return undefined
  }
  return { device, ...found, readAt, [Symbol.asyncDispose]: () => handle.close() }
}

/** The task volume of a medium: the whole of it, or behind the maintenance volume; `undefined` when there is none. */
export async function findVolume(readAt: ReadAt): Promise<{ label: string; base: number } | undefined> {
  const label = await readVolumeId(readAt)
  if (label === undefined) return undefined
  if (label.startsWith(TASK_LABEL_PREFIX)) return { label, base: 0 }
  const { volumeBytes } = await openIso(readAt)
  return findTail(readAt, Math.ceil(volumeBytes / SECTOR) * SECTOR)
}

/** A BMC with one slot gets both media as one: the task medium begins on a sector behind the maintenance medium. */
async function findTail(readAt: ReadAt, end: number): Promise<{ label: string; base: number } | undefined> {
  const window = await readAt(end + FIRST_DESCRIPTOR * SECTOR, MAX_PADDING)
  for (let at = 0; at + SECTOR <= window.length; at += SECTOR) {
    if (window[at] !== DESCRIPTOR_TYPE.primary) continue
    if (Buffer.from(window.subarray(at + 1, at + 6)).toString('latin1') !== STANDARD_IDENTIFIER) continue
    const label = await readVolumeId(readAt, end + at)
    if (label?.startsWith(TASK_LABEL_PREFIX)) return { label, base: end + at }
  }
  return undefined
}
