import { AppError } from '../shared/errors.ts'
import { programs } from '../shared/exec.ts'
import { writeFileAtomic } from '../shared/files.ts'
import type { ProgressReport } from '../shared/task/job-file.ts'
import { systemClock } from '../shared/time.ts'
import { readDispatcherState } from './dispatcher-state.ts'
import { speaker } from './machine.ts'
import { runPaths } from './paths.ts'
import { progressReporter } from './progress.ts'
import { STEPS } from './steps/all.ts'
import { runStep } from './steps/step.ts'
import { jobOf, loadTask, recipeOf } from './task.ts'

/** Runs a step on what the dispatcher left. @throws `step-failed`, `program-failed`, `registry-answer` and others */
export async function runNamedStep(
  name: string,
  runDirectory: string,
  out: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const step = STEPS.find((candidate) => candidate.name === name)
  if (step === undefined) {
    const names = STEPS.map((candidate) => candidate.name).join(', ')
    throw new AppError('usage', `Cannot run the step "${name}": there are ${names}`)
  }
  const paths = runPaths(runDirectory)
  const dispatched = await readDispatcherState(paths)
  // Without the dispatcher nobody knows which disks the media are on; what it refused may be meant for another server.
  if (dispatched?.status !== 'handed-over') {
    const state = dispatched === undefined ? `has left nothing in ${paths.state}` : 'has not handed over the task'
    throw new AppError('step-failed', `Cannot run the step "${name}": the dispatcher ${state}`)
  }
  const files = await loadTask(paths.task)
  const job = jobOf(files)
  const { recipe } = await recipeOf(files)
  const say = speaker(step.prefix, out)
  const keep = (progress: ProgressReport) =>
    writeFileAtomic(paths.stepProgress(step.name), `${JSON.stringify(progress)}\n`, 0o644)
  await runStep(step, {
    recipe,
    job,
    paths,
    protectedDevices: dispatched.protected_devices,
    programs: programs(say),
    progress: progressReporter(job, step.name, say, signal, { keep }),
    say,
    clock: systemClock,
    now: () => performance.now(),
    signal,
  })
}
