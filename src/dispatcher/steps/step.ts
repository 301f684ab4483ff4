import { mkdir, rm } from 'node:fs/promises'
import { AppError, errorText } from '../../shared/errors.ts'
import type { Programs } from '../../shared/exec.ts'
import { writeFileAtomic } from '../../shared/files.ts'
import type { Recipe } from '../../shared/recipe/schema.ts'
import type { JobFile } from '../../shared/task/job-file.ts'
import type { Clock } from '../../shared/time.ts'
import type { RunPaths } from '../paths.ts'
import type { ProgressReporter } from '../progress.ts'

/** What a step is given. */
export interface StepContext {
  readonly recipe: Recipe
  readonly job: JobFile
  readonly paths: RunPaths
  /** Kernel names of devices that may not be written. */
  readonly protectedDevices: readonly string[]
  readonly programs: Programs
  readonly progress: ProgressReporter
  readonly say: (line: string) => void
  readonly clock: Clock
  /** Milliseconds of a clock that never goes back, for rates. */
  readonly now: () => number
  readonly signal: AbortSignal
}

/** Facts that a step leaves in `state/NAME.json`: what was really done. */
export type StepFacts = Readonly<Record<string, unknown>>

/** One provisioning step. Repeating it is safe: it reads the present state, or starts from nothing. */
export interface Step {
  /** Stem of its Quadlet, its unit and its source file. */
  readonly name: string
  /** Prefix of its log lines. */
  readonly prefix: string
  run(context: StepContext): Promise<StepFacts>
}

/** Runs a step and keeps its result. Nothing is called done that has thrown. */
export async function runStep(step: Step, context: StepContext): Promise<void> {
  const startedAt = context.clock.now().toISOString()
  const keep = async (result: StepFacts) => {
    const state = { step: step.name, ...result, started_at: startedAt, finished_at: context.clock.now().toISOString() }
    await mkdir(context.paths.state, { recursive: true, mode: 0o755 })
    await writeFileAtomic(context.paths.step(step.name), `${JSON.stringify(state, null, 2)}\n`, 0o644)
  }
  context.progress.message('started')
  await rm(context.paths.stepDone(step.name), { force: true })
  try {
    const facts = await step.run(context)
    await keep({ status: 'done', ...facts })
    await writeFileAtomic(context.paths.stepDone(step.name), '', 0o644)
    context.progress.message('done')
    context.say('done')
  } catch (caught) {
    const error = told(step, caught)
    await keep({ status: 'failed', message: errorText(error) }).catch((cause: unknown) => context.say(errorText(cause)))
    throw error
  } finally {
    await context.progress.flush()
  }
}

/** A file that cannot be read or written is no bug: Node's own words say which one, and why. */
function told(step: Step, error: unknown): unknown {
  const isOfSystem = error instanceof Error && 'syscall' in error
  return isOfSystem ? new AppError('step-failed', `Cannot finish the step "${step.name}"`, { cause: error }) : error
}
