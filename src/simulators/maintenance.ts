import { findVolume } from '../dispatcher/medium.ts'
import { checkSeal, jobOf, readTask, recipeOf } from '../dispatcher/task.ts'
import { AppError, errorText, isAppError } from '../shared/errors.ts'
import type { Connections } from '../shared/http-client.ts'
import { openConnections, readBody, sendRequest } from '../shared/http-client.ts'
import type { JobFile, ProgressReport, WebhookReport } from '../shared/task/job-file.ts'
import { jobUrl, SECRET_HEADER } from '../shared/task/job-file.ts'
import type { TaskContents } from '../shared/task/seal.ts'
import { retry, sleep, withTimeout } from '../shared/time.ts'
import type { MachineOptions } from './machine.ts'
import { openMedium, type RemoteMedium } from './medium-reader.ts'

/** Steps of a target, as they show in the progress of a job. */
const STEPS: Readonly<Record<string, readonly string[]>> = {
  'install-linux.target': ['partition', 'image-linux', 'bootloader-linux', 'config-drive'],
  'install-image.target': ['image-disk', 'config-drive'],
  'install-bootc.target': ['image-bootc'],
  'install-windows.target': ['partition', 'image-windows', 'bootloader-windows'],
}

/** What an image step says it writes, in bytes, and in how many reports. */
const IMAGE_BYTES = 512 * 1024 * 1024
const IMAGE_REPORTS = 4

/** Places of the boot medium that firmware and kernel read. */
const READS = 8
const READ_BYTES = 64 * 1024

const POST_MS = 20_000
const MAX_ANSWER = 64 * 1024
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
  // One pool for the whole boot: to trust a CA, all others are read too, which takes a while.
  const job = jobOf(task)
  const connections = openConnections({ only: job.controller.ca_pem ?? undefined })
  try {
    return await play(task, { job, connections, signal }, options)
  } finally {
    connections.close()
  }
}

/** Where reports go, and for how long. */
interface Reporting {
  readonly job: JobFile
  readonly connections: Connections
  readonly signal: AbortSignal
}

async function play(task: TaskContents, reporting: Reporting, options: MachineOptions): Promise<boolean> {
  const { job, signal } = reporting
  const failed = (step: string, message: string) => report(reporting, { status: 'failed', failed_step: step, message })
  try {
    checkSeal(task, [])
    if (job.server.serial !== options.serial) {
      throw new AppError('serial-mismatch', `Cannot use the task medium: it is for server "${job.server.serial}"`)
    }
    const { recipe } = await recipeOf(task)
    await playSteps(recipe.task_target, reporting, options)
  } catch (error) {
    if (!isAppError(error) || signal.aborted) throw error
    await failed('provision-dispatcher.service', errorText(error))
    return false
  }
  const fails = options.faults.has('fails')
  await (fails ? failed('partition.service', 'simulated: no such disk') : report(reporting, { status: 'success' }))
  return !fails
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

async function playSteps(target: string, reporting: Reporting, { stepMs, faults }: MachineOptions): Promise<void> {
  const steps = faults.has('fails') ? ['partition'] : (STEPS[target] ?? ['vendor-firmware'])
  const progress = async (body: ProgressReport) => {
    await sleep(stepMs, reporting.signal)
    await post(reporting, jobUrl(reporting.job, 'progress'), body)
  }
  for (const step of ['provision-dispatcher', ...steps]) {
    await progress({ step, message: `simulated ${step}` })
    if (!step.startsWith('image-')) continue
    for (let part = 1; part <= IMAGE_REPORTS; part++) {
      await progress({ step, bytes: (IMAGE_BYTES / IMAGE_REPORTS) * part, total_bytes: IMAGE_BYTES })
    }
  }
}

function report(reporting: Reporting, body: WebhookReport): Promise<void> {
  return post(reporting, reporting.job.webhook.url, { ...body, job_id: reporting.job.job_id })
}

function post({ job, connections, signal }: Reporting, url: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json', [SECRET_HEADER]: job.webhook.secret }
  const request = { url: new URL(url), method: 'POST', headers, body: JSON.stringify(body), connections } as const
  async function send(): Promise<void> {
    const unreachable = (cause: unknown) => {
      signal.throwIfAborted()
      throw new AppError('controller-unreachable', `Cannot report to ${request.url.origin}`, { cause })
    }
    const answer = await sendRequest(request, withTimeout(signal, POST_MS)).catch(unreachable)
    await readBody(answer, MAX_ANSWER)
    if (answer.status >= 300) unreachable(new Error(`it answered ${answer.status}`))
  }
  return retry(send, PATIENCE, (error) => isAppError(error, 'controller-unreachable'), signal)
}
