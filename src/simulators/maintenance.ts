import { findVolume } from '../dispatcher/medium.ts'
import { post, postProgress } from '../dispatcher/report.ts'
import { checkSeal, jobOf, readTask, recipeOf } from '../dispatcher/task.ts'
import { AppError, errorText, isAppError } from '../shared/errors.ts'
import type { JobFile, WebhookReport } from '../shared/task/job-file.ts'
import { retry, sleep } from '../shared/time.ts'
import type { MachineOptions } from './machine.ts'
import { openMedium, type RemoteMedium } from './medium-reader.ts'

/** Steps of a target, as they show in the progress of a job. */
const STEPS: Readonly<Record<string, readonly string[]>> = {
  'install-linux.target': ['partition', 'image-linux', 'bootloader-linux', 'config-drive'],
  'install-image.target': ['image-disk'],
  'install-bootc.target': ['image-bootc'],
  'install-windows.target': ['partition', 'image-windows', 'bootloader-windows'],
}

/** What an image step says it writes, in bytes, and in how many reports. */
const IMAGE_BYTES = 512 * 1024 * 1024
const IMAGE_REPORTS = 4

/** Places of the boot medium that firmware and kernel read. */
const READS = 8
const READ_BYTES = 64 * 1024

/** A controller that is restarted is away for some seconds; a real maintenance OS waits longer. */
const PATIENCE = { firstMs: 100, maxMs: 2_000, attempts: 60 }

/**
 * Boots from the medium, finds the task medium among all that are in with the dispatcher's own code, and reports as a
 * real maintenance OS does. True when it says that a system was installed.
 */
export async function playMaintenance(
  boot: string,
  inserted: readonly string[],
  options: MachineOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const { plays, faults, stepMs, say } = options
  const medium = await openMedium(boot, signal)
  await readSome(medium)
  if (!plays) return false
  await sleep(stepMs, signal)
  const task = await findTask([...new Set([boot, ...inserted])], signal)
  if (faults.has('silent')) {
    say('the maintenance OS runs and keeps silent')
    return false
  }
  const job = jobOf(task)
  try {
    checkSeal(task, [])
    if (job.server.serial !== options.serial) {
      throw new AppError('serial-mismatch', `Cannot use the task medium: it is for server "${job.server.serial}"`)
    }
    const target = recipeOf(task).recipe.task_target
    await playSteps(job, target, options, signal)
  } catch (error) {
    if (!isAppError(error) || signal.aborted) throw error
    await report(
      job,
      { status: 'failed', failed_step: 'provision-dispatcher.service', message: errorText(error) },
      signal,
    )
    return false
  }
  if (faults.has('fails')) {
    await report(
      job,
      { status: 'failed', failed_step: 'partition.service', message: 'simulated: no such disk' },
      signal,
    )
    return false
  }
  await report(job, { status: 'success' }, signal)
  return true
}

async function readSome({ size, readAt }: RemoteMedium): Promise<void> {
  for (let read = 0; read < READS; read++) await readAt(Math.floor((size * read) / READS), READ_BYTES)
}

/** As the dispatcher does: any medium may be it, and one may hide behind the maintenance volume. */
async function findTask(urls: readonly string[], signal: AbortSignal) {
  for (const url of urls) {
    const { readAt } = await openMedium(url, signal)
    const found = await findVolume(readAt)
    if (found !== undefined) {
      const medium = { device: url, ...found, readAt, [Symbol.asyncDispose]: async () => undefined }
      return readTask(medium)
    }
  }
  throw new AppError('medium-missing', `Cannot find a task medium: none is in ${urls.length} media`)
}

async function playSteps(
  job: JobFile,
  target: string,
  { stepMs, faults }: MachineOptions,
  signal: AbortSignal,
): Promise<void> {
  const steps = faults.has('fails') ? ['partition'] : (STEPS[target] ?? ['vendor-firmware'])
  for (const step of ['provision-dispatcher', ...steps]) {
    await sleep(stepMs, signal)
    await patiently(() => postProgress(job, { step, message: `simulated ${step}` }, signal), signal)
    if (!step.startsWith('image-')) continue
    for (let part = 1; part <= IMAGE_REPORTS; part++) {
      await sleep(stepMs, signal)
      const bytes = (IMAGE_BYTES / IMAGE_REPORTS) * part
      await patiently(() => postProgress(job, { step, bytes, total_bytes: IMAGE_BYTES }, signal), signal)
    }
  }
}

async function report(job: JobFile, body: WebhookReport, signal: AbortSignal): Promise<void> {
  const text = JSON.stringify({ ...body, job_id: job.job_id })
  await patiently(() => post(job, job.webhook.url, text, 'application/json', signal), signal)
}

function patiently(action: () => Promise<void>, signal: AbortSignal): Promise<void> {
  return retry(action, PATIENCE, (error) => isAppError(error, 'controller-unreachable'), signal)
}
