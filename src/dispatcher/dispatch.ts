import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError, errorText, isAppError } from '../shared/errors.ts'
import type { Programs } from '../shared/exec.ts'
import { writeFileAtomic } from '../shared/files.ts'
import type { Recipe } from '../shared/recipe/schema.ts'
import type { JobFile } from '../shared/task/job-file.ts'
import type { TaskContents } from '../shared/task/seal.ts'
import type { Backoff, Clock } from '../shared/time.ts'
import { retry, withTimeout } from '../shared/time.ts'
import type { DeviceRoots } from './block-devices.ts'
import { mountedDevices } from './block-devices.ts'
import type { DispatcherState, Known } from './dispatcher-state.ts'
import { failureText, stateOf, writeDispatcherState } from './dispatcher-state.ts'
import { checkFreshBoot, earlierJob, setAside } from './earlier-task.ts'
import { exitOf, HANDED_OVER, UNEXPECTED } from './exit-codes.ts'
import { checkIdentity, readIdentity } from './host.ts'
import { materialize, OPTIONAL_OUTPUTS } from './materialize.ts'
import { findMedium } from './medium.ts'
import { applyNetwork } from './network.ts'
import { failureNotice, startNotice } from './notices.ts'
import type { RunPaths } from './paths.ts'
import { runPaths } from './paths.ts'
import type { ProgressReporter } from './progress.ts'
import type { Screen } from './screen.ts'
import { checkTarget } from './target.ts'
import { checkSeal, jobOf, readJob, readTask, recipeOf, storeTask, trustedKeys } from './task.ts'
import { mendClock } from './wall-clock.ts'

export interface DispatchOptions {
  readonly runDirectory: string
  /** A file or device to read instead of looking for a medium. */
  readonly medium: string | undefined
  /** False: write everything, start nothing, need no root rights. */
  readonly start: boolean
  /** With `start: false`, the serial number to compare; undefined compares nothing. */
  readonly serial: string | undefined
}

/** The machine, as far as the dispatcher touches it. */
export interface DispatchDeps {
  readonly say: (line: string) => void
  readonly clock: Clock
  readonly programs: Programs
  readonly isRoot: boolean
  readonly devices: DeviceRoots
  readonly mounts: () => Promise<string>
  readonly progress: (job: JobFile, step: string, signal: AbortSignal) => ProgressReporter
  readonly unitDirectories: readonly string[]
  readonly trustDirectory: string
  readonly networkDirectory: string
  readonly screen: Screen
  readonly mediumWaitMs: number
  /** How often the medium is read, and when again. */
  readonly mediumReads: Backoff
}

/**
 * Finds the task, checks it, writes what the steps need, and hands over to systemd. Resolves to the exit code; nothing
 * is thrown. Every failure is said in words, kept in `state/dispatcher.json`, and reported by provision-failed.service.
 */
export async function dispatch(options: DispatchOptions, deps: DispatchDeps, signal: AbortSignal): Promise<number> {
  const paths = runPaths(options.runDirectory)
  const startedAt = deps.clock.now()
  const known: Known = { protectedDevices: [] }
  const state = (exitCode: number, error?: unknown) => stateOf(known, exitCode, startedAt, deps.clock.now(), error)
  try {
    await proceed(options, deps, paths, known, () => state(HANDED_OVER), signal)
    return HANDED_OVER
  } catch (error) {
    const exit = exitOf(error)
    explain(error, exit.code, deps.say)
    await writeDispatcherState(paths, state(exit.code, error)).catch((cause: unknown) => deps.say(errorText(cause)))
    // The report needs the network that the medium describes.
    if (options.start && known.job) await applyNetwork(known.job.network, deps, signal).catch(tell(deps))
    const why = `${failureText(error)} (exit code ${exit.code})`
    if (options.start) await deps.screen(failureNotice(why, exit, known.job))
    return exit.code
  }
}

async function proceed(
  options: DispatchOptions,
  deps: DispatchDeps,
  paths: RunPaths,
  known: Known,
  state: () => DispatcherState,
  signal: AbortSignal,
): Promise<void> {
  if (options.start && !deps.isRoot) throw new AppError('not-root', 'Cannot dispatch: root rights are needed')
  await makeRunDirectory(paths)
  await obtain(options, deps, paths, known, signal)
  const { job, recipe, schemaId } = known
  if (job === undefined || recipe === undefined) throw new Error('obtain() returned without job and recipe')
  await writeOutputs(paths, recipe, job, schemaId ?? '')
  await writeDispatcherState(paths, state())
  if (!options.start) {
    deps.say(`${recipe.task_target} is not started, as asked; its inputs are in ${paths.root}`)
    return
  }
  await checkFreshBoot(paths, recipe.task_target)
  await applyNetwork(job.network, deps, signal)
  const reporter = deps.progress(job, 'provision-dispatcher', signal)
  reporter.message(`starting ${recipe.task_target}`)
  const told = known.clockNote === undefined ? undefined : tellOfClock(known.clockNote, job, deps, signal)
  await handOver(recipe.task_target, deps, signal)
  await deps.screen(startNotice(job, recipe))
  await Promise.all([reporter.flush(), told])
}

/** The network may still be coming up; the steps are not kept waiting longer for something they do not need. */
const CLOCK_EVENT_MS = 30_000

async function tellOfClock(note: string, job: JobFile, deps: DispatchDeps, signal: AbortSignal): Promise<void> {
  const reporter = deps.progress(job, 'provision-dispatcher', withTimeout(signal, CLOCK_EVENT_MS))
  await reporter.announce(note).catch(tell(deps))
}

/** From the medium to a recipe that may be run here. Fills `known` as it goes. */
async function obtain(
  options: DispatchOptions,
  deps: DispatchDeps,
  paths: RunPaths,
  known: Known,
  signal: AbortSignal,
): Promise<void> {
  const { say } = deps
  say(options.medium === undefined ? 'looking for the task medium' : `reading the task medium in ${options.medium}`)
  await using medium = await findMedium(deps.devices, options.medium, deps.mediumWaitMs, signal)
  say(`found ${medium.label} in ${medium.device}${medium.base === 0 ? '' : `, at byte ${medium.base}`}`)
  known.protectedDevices = await protectedDevices(medium.device, deps)

  const again = (error: unknown) => isAppError(error, 'medium-unreadable')
  const read = (part: typeof readTask) => retry(() => part(medium), deps.mediumReads, again, signal)
  // First and alone: if the rest cannot be read, or this process is ended meanwhile, the controller is told nevertheless.
  await keep(await read(readJob), paths, known)
  const files = await read(readTask)
  const { job_id, attempt, server } = await keep(files, paths, known)
  say(`job ${job_id}, attempt ${attempt}, for server ${server.serial}`)
  say(checkSeal(files, await trustedKeys(deps.trustDirectory)))
  if (options.start) checkIdentity(server, await readIdentity(deps.devices.sys))
  else if (options.serial !== undefined) checkIdentity(server, { serial: options.serial, uuid: undefined })
  if (options.start) known.clockNote = await mendClock(job_id, deps.clock, deps.programs, signal)
  if (known.clockNote !== undefined) say(known.clockNote)

  const { recipe, schemaId } = await recipeOf(files)
  known.recipe = recipe
  known.schemaId = schemaId
  say(`the recipe is valid and asks for ${recipe.task_target}`)
}

/** Copies the task for the steps, and leaves nothing of another one beside it. */
async function keep(files: TaskContents, paths: RunPaths, known: Known): Promise<JobFile> {
  const earlier = await earlierJob(paths)
  try {
    await storeTask(paths.task, files)
  } finally {
    // Also when it cannot be kept: the network for the report is in it.
    known.job = jobOf(files)
  }
  await setAside(paths, earlier, known.job)
  return known.job
}

async function protectedDevices(medium: string, deps: DispatchDeps): Promise<string[]> {
  const name = medium.split('/').at(-1) ?? ''
  return [...new Set([name, ...(await mountedDevices(await deps.mounts(), deps.devices.sys))])].sort()
}

async function makeRunDirectory({ root }: RunPaths): Promise<void> {
  await mkdir(root, { recursive: true, mode: 0o755 }).catch((cause: unknown) => {
    throw new AppError('outputs-unwritable', `Cannot create ${root}`, { cause })
  })
}

async function writeOutputs(paths: RunPaths, recipe: Recipe, job: JobFile, schemaId: string): Promise<void> {
  const files = materialize(recipe, job, schemaId)
  try {
    // What an earlier task left must not end on this one's disk.
    for (const path of OPTIONAL_OUTPUTS) await rm(join(paths.root, path), { force: true })
    await mkdir(paths.secrets, { recursive: true, mode: 0o700 })
    await mkdir(paths.certificates, { recursive: true, mode: 0o755 })
    for (const { path, mode, content } of files) await writeFileAtomic(join(paths.root, path), content, mode)
  } catch (cause) {
    throw new AppError('outputs-unwritable', `Cannot write to ${paths.root}`, { cause })
  }
}

/** `--no-block`: waiting for steps that are ordered after this very unit would never end. */
async function handOver(target: string, deps: DispatchDeps, signal: AbortSignal): Promise<void> {
  await checkTarget(target, deps.unitDirectories)
  deps.say(`starting ${target}`)
  try {
    await deps.programs.run({ argv: ['systemctl', 'start', '--no-block', target] }, signal)
  } catch (cause) {
    signal.throwIfAborted()
    throw new AppError('handover-failed', `Cannot start ${target}`, { cause })
  }
}

/** For the person in front of the screen. */
function explain(error: unknown, exitCode: number, say: (line: string) => void): void {
  for (const line of failureText(error).split('\n')) say(line)
  if (exitCode === UNEXPECTED.code && error instanceof Error) say(error.stack ?? '')
  say(`nothing was written to any disk (exit code ${exitCode})`)
}

function tell(deps: DispatchDeps): (error: unknown) => void {
  return (error) => deps.say(errorText(error))
}
