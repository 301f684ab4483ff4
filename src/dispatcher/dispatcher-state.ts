import { mkdir, readFile } from 'node:fs/promises'
import { AppError, errorText, isAppError, problemLines } from '../shared/errors.ts'
import { writeFileAtomic } from '../shared/files.ts'
import type { Recipe } from '../shared/recipe/schema.ts'
import type { JobFile } from '../shared/task/job-file.ts'
import { VERSION } from '../shared/version.ts'
import type { RunPaths } from './paths.ts'

/** `state/dispatcher.json`: what became of the dispatcher, for the steps, for notify and for people. */
export interface DispatcherState {
  readonly status: 'handed-over' | 'failed'
  readonly exit_code: number
  /** Code and sentence of the failure. */
  readonly code?: string
  readonly message?: string
  readonly started_at: string
  readonly finished_at: string
  readonly task_target?: string
  readonly schema_id?: string
  readonly dispatcher_version: string
  /** Kernel names of devices that no step may write: boot and task media. */
  readonly protected_devices: readonly string[]
}

/** What the dispatcher knows so far; a failure tells as much of it as there is. */
export interface Known {
  job?: JobFile | undefined
  recipe?: Recipe
  schemaId?: string
  /** What was wrong with the clock of this server. */
  clockNote?: string | undefined
  protectedDevices: string[]
}

export function stateOf(
  known: Known,
  exitCode: number,
  started: Date,
  finished: Date,
  error: unknown,
): DispatcherState {
  const code = isAppError(error) ? error.code : 'bug'
  return {
    status: error === undefined ? 'handed-over' : 'failed',
    exit_code: exitCode,
    ...(error === undefined ? {} : { code, message: failureText(error) }),
    started_at: started.toISOString(),
    finished_at: finished.toISOString(),
    ...(known.recipe === undefined ? {} : { task_target: known.recipe.task_target }),
    ...(known.schemaId === undefined ? {} : { schema_id: known.schemaId }),
    dispatcher_version: VERSION,
    protected_devices: known.protectedDevices,
  }
}

/** The sentence, and every problem of a document with its path on a line of its own. */
export function failureText(error: unknown): string {
  return [errorText(error), ...problemLines(error)].join('\n')
}

/** @throws `outputs-unwritable` */
export async function writeDispatcherState(paths: RunPaths, state: DispatcherState): Promise<void> {
  try {
    await mkdir(paths.state, { recursive: true, mode: 0o755 })
    await writeFileAtomic(paths.dispatcher, `${JSON.stringify(state, null, 2)}\n`, 0o644)
  } catch (cause) {
    throw new AppError('outputs-unwritable', `Cannot write to ${paths.state}`, { cause })
  }
}

/** Undefined when the dispatcher did not get so far as to write it. */
export async function readDispatcherState(paths: RunPaths): Promise<DispatcherState | undefined> {
  const text = await readFile(paths.dispatcher, 'utf8').catch(() => undefined)
  return text === undefined ? undefined : (JSON.parse(text) as DispatcherState)
}
