import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError, errorText } from '../shared/errors.ts'
import { writeFileAtomic } from '../shared/files.ts'
import type { Recipe } from '../shared/recipe/schema.ts'
import type { JobFile } from '../shared/task/job-file.ts'
import { withTimeout } from '../shared/time.ts'
import type { DispatcherState, Known } from './dispatcher-state.ts'
import { failureText, stateOf, writeDispatcherState } from './dispatcher-state.ts'
import { checkFreshBoot } from './earlier-task.ts'
import { exitOf, HANDED_OVER, UNEXPECTED } from './exit-codes.ts'
import { materialize, OPTIONAL_OUTPUTS } from './materialize.ts'
import { applyNetwork } from './network.ts'
import { failureNotice, startNotice } from './notices.ts'
import type { ObtainDeps, TaskSource } from './obtain.ts'
import { obtain } from './obtain.ts'
import type { RunPaths } from './paths.ts'
import { runPaths } from './paths.ts'
import type { ProgressReporter } from './progress.ts'
import type { Screen } from './screen.ts'
import { checkTarget } from './target.ts'

export interface DispatchOptions extends TaskSource {
  readonly runDirectory: string
}

/** The machine, as far as the dispatcher touches it. */
export interface DispatchDeps extends ObtainDeps {
  readonly isRoot: boolean
  readonly progress: (job: JobFile, step: string, signal: AbortSignal) => ProgressReporter
  readonly unitDirectories: readonly string[]
  readonly networkDirectory: string
  readonly screen: Screen
}

/** Below `TimeoutStopSec` of provision-dispatcher.service. */
const LAST_WORDS_MS = 10_000

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
    // The report needs the network that the medium describes, also when it was this signal that ended the dispatcher.
    const limit = AbortSignal.timeout(LAST_WORDS_MS)
    if (options.start && known.job) await applyNetwork(known.job.network, deps, limit).catch(tell(deps))
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
  if (known.clockNote !== undefined) await tellOfClock(known.clockNote, job, deps, signal)
  const reporter = deps.progress(job, 'provision-dispatcher', signal)
  reporter.message(`starting ${recipe.task_target}`)
  await handOver(recipe.task_target, deps, signal)
  await deps.screen(startNotice(job, recipe))
  await reporter.flush()
}

/** The network may still be coming up; the steps are not kept waiting longer for something that they do not need. */
const CLOCK_EVENT_MS = 30_000

/** Before the hand-over: two that report at the same time would each take the other's word back. */
async function tellOfClock(note: string, job: JobFile, deps: DispatchDeps, signal: AbortSignal): Promise<void> {
  const reporter = deps.progress(job, 'provision-dispatcher', withTimeout(signal, CLOCK_EVENT_MS))
  await reporter.announce(note).catch(tell(deps))
  await reporter.flush()
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

/** `--no-block`: the steps take longer than this very unit may. */
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
