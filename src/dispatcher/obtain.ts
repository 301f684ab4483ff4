import { errorText, isAppError } from '../shared/errors.ts'
import type { Programs } from '../shared/exec.ts'
import type { JobFile } from '../shared/task/job-file.ts'
import type { TaskContents } from '../shared/task/seal.ts'
import type { Backoff, Clock } from '../shared/time.ts'
import { retry } from '../shared/time.ts'
import type { DeviceRoots } from './block-devices.ts'
import { mountedDevices } from './block-devices.ts'
import type { Known } from './dispatcher-state.ts'
import { earlierJob, setAside } from './earlier-task.ts'
import { checkIdentity, readIdentity } from './host.ts'
import { findMedium } from './medium.ts'
import type { RunPaths } from './paths.ts'
import { checkSeal, jobOf, readJob, readTask, recipeOf, storeTask, trustedKeys } from './task.ts'
import { mendClock } from './wall-clock.ts'

export interface TaskSource {
  /** A file or device to read instead of looking for a medium. */
  readonly medium: string | undefined
  /** False: write everything, start nothing, need no root rights. */
  readonly start: boolean
  /** With `start: false`, the serial number to compare; undefined compares nothing. */
  readonly serial: string | undefined
}

/** The machine, as far as the search for the task touches it. */
export interface ObtainDeps {
  readonly say: (line: string) => void
  readonly clock: Clock
  readonly programs: Programs
  readonly devices: DeviceRoots
  readonly mounts: () => Promise<string>
  readonly trustDirectory: string
  readonly mediumWaitMs: number
  /** How often the medium is read, and when again. */
  readonly mediumReads: Backoff
}

/** A medium that is not the one of this server. */
interface Refused {
  readonly device: string
  readonly error: unknown
  /** `job.json` alone, or nothing when it cannot be read. */
  readonly job: TaskContents
}

/** What was inserted together appears together: others are not waited for as long as the first. */
const OTHERS_WAIT_MS = 20_000

/**
 * From the medium to a recipe that may be run here. Fills `known` as it goes. A medium that cannot be read, is not signed as it
 * should be, or is for another server hides no other: somebody may have left it there. When none is good the first is what is told.
 */
export async function obtain(
  source: TaskSource,
  deps: ObtainDeps,
  paths: RunPaths,
  known: Known,
  signal: AbortSignal,
): Promise<void> {
  const { say, devices, mediumWaitMs } = deps
  const refused: Refused[] = []
  say(source.medium === undefined ? 'looking for the task medium' : `reading the task medium in ${source.medium}`)
  for (;;) {
    const [first] = refused
    const waitMs = first === undefined ? mediumWaitMs : Math.min(OTHERS_WAIT_MS, mediumWaitMs)
    const without = refused.map(({ device }) => device)
    const search = findMedium(devices, source.medium, waitMs, signal, { without })
    await using medium = await search.catch(async (error: unknown) => {
      if (first === undefined || !isAppError(error, 'medium-missing')) throw error
      // Whom to report to is that of the first again; there may be none.
      if (refused.length > 1) await keep(first.job, paths, known).catch(() => undefined)
      throw first.error
    })
    say(`found ${medium.label} in ${medium.device}${medium.base === 0 ? '' : `, at byte ${medium.base}`}`)
    await protect(medium.device, known, deps)

    const again = (error: unknown) => isAppError(error, 'medium-unreadable')
    const read = (part: typeof readTask) => retry(() => part(medium), deps.mediumReads, again, signal)
    let job: TaskContents = new Map()
    try {
      // First and alone: if the rest cannot be read, or this process is ended meanwhile, the controller is told nevertheless.
      job = await read(readJob)
      await keep(job, paths, known)
      return await take(await read(readTask), source, deps, paths, known, signal)
    } catch (error) {
      if (source.medium !== undefined || !isOfAnother(error)) throw error
      say(`${errorText(error)}. Is there another task medium?`)
      refused.push({ device: medium.device, error, job })
    }
  }
}

function isOfAnother(error: unknown): boolean {
  const codes = ['medium-unreadable', 'signature-invalid', 'serial-mismatch'] as const
  return codes.some((code) => isAppError(error, code))
}

async function take(
  files: TaskContents,
  source: TaskSource,
  deps: ObtainDeps,
  paths: RunPaths,
  known: Known,
  signal: AbortSignal,
): Promise<void> {
  const { say } = deps
  const { job_id, attempt, server } = await keep(files, paths, known)
  say(`job ${job_id}, attempt ${attempt}, for server ${server.serial}`)
  say(checkSeal(files, await trustedKeys(deps.trustDirectory)))
  if (source.start) checkIdentity(server, await readIdentity(deps.devices.sys))
  else if (source.serial !== undefined) checkIdentity(server, { serial: source.serial, uuid: undefined })
  if (source.start) known.clockNote = await mendClock(job_id, deps.clock, deps.programs, signal)
  if (known.clockNote !== undefined) say(known.clockNote)

  const { recipe, schemaId } = await recipeOf(files)
  known.recipe = recipe
  known.schemaId = schemaId
  say(`the recipe is valid and asks for ${recipe.task_target}`)
}

/** Copies the task for the steps, and leaves nothing of another one beside it. */
async function keep(files: TaskContents, paths: RunPaths, known: Known): Promise<JobFile> {
  const earlier = await earlierJob(paths)
  known.job = undefined
  try {
    await storeTask(paths.task, files)
  } finally {
    // Also when it cannot be kept: the network for the report is in it.
    known.job = jobOf(files)
  }
  await setAside(paths, earlier, known.job)
  return known.job
}

/** No step may write what the task or the running system is on. */
async function protect(medium: string, known: Known, { mounts, devices }: ObtainDeps): Promise<void> {
  const name = medium.split('/').at(-1) ?? ''
  const mounted = await mountedDevices(await mounts(), devices.sys)
  known.protectedDevices = [...new Set([...known.protectedDevices, name, ...mounted])].sort()
}
