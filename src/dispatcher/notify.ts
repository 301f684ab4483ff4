import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rm } from 'node:fs/promises'
import { AppError, errorText, isAppError } from '../shared/errors.ts'
import type { Programs } from '../shared/exec.ts'
import { writeFileAtomic } from '../shared/files.ts'
import type { JobFile, WebhookReport } from '../shared/task/job-file.ts'
import type { Backoff, Clock, sleep } from '../shared/time.ts'
import { retryWithin, withTimeout } from '../shared/time.ts'
import { VERSION } from '../shared/version.ts'
import type { DispatcherState } from './dispatcher-state.ts'
import { readDispatcherState } from './dispatcher-state.ts'
import { isOwnExit, UNEXPECTED } from './exit-codes.ts'
import { failedUnit, readUnits } from './failed-unit.ts'
import { collectText, lastLines, MAX_MESSAGE, postLogs, redact } from './logs.ts'
import { applyNetwork } from './network.ts'
import { failureNotice, outcomeNotice, unreachedNotice } from './notices.ts'
import type { RunPaths } from './paths.ts'
import { DISPATCHER_UNIT } from './paths.ts'
import { isRefusal, post } from './report.ts'
import type { Screen } from './screen.ts'
import { jobOf, loadTask } from './task.ts'
import { describeEnding, readEnding } from './unit-ending.ts'

export type Outcome = 'success' | 'failed'

export interface NotifyDeps {
  readonly paths: RunPaths
  readonly programs: Programs
  readonly networkDirectory: string
  readonly say: (line: string) => void
  readonly screen: Screen
  readonly clock: Clock
  /** `MONITOR_UNIT` of the environment. */
  readonly monitorUnit: string | undefined
  readonly backoff: Backoff
  /** Waits between two tries; `sleep` when there is none. */
  readonly pause?: typeof sleep
}

/** Tried for longer than a controller is ever down for maintenance; then systemd starts the unit again. */
export const NOTIFY_BACKOFF: Backoff = { firstMs: 1000, maxMs: 60_000, attempts: Number.POSITIVE_INFINITY }
const PATIENCE_MS = 6 * 60 * 60 * 1000

/** What logs may cost before the outcome is sent: a controller that is being started again is back by then. */
const LOGS_MS = 60_000
const LOGS_BACKOFF: Backoff = { firstMs: 1000, maxMs: 5000, attempts: 8 }
/** systemctl and journalctl answer at once, or something is very wrong. */
const ASK_MS = 30_000

/**
 * Sends the outcome of this boot, exactly one: the first caller decides, whoever comes with another is silent. A repeat of
 * the same outcome, after a crash, sends the same report again unless it was delivered.
 * @throws `controller-unreachable` after six hours
 */
export async function notify(outcome: Outcome, deps: NotifyDeps, signal: AbortSignal): Promise<void> {
  const { paths, say } = deps
  const job = await loadTask(paths.task)
    .then(jobOf)
    .catch((error: unknown) => {
      say(`there is nobody to report to: ${errorText(error)}`)
      return undefined
    })
  // Nothing is claimed: the dispatcher may be started again, with a medium.
  if (job === undefined) return outcome === 'failed' ? showSilentEnd(deps, withTimeout(signal, ASK_MS)) : undefined
  const claimed = await claim(outcome, job, deps, signal)
  if (claimed.status !== outcome) return say(`the outcome is "${claimed.status}" already, "${outcome}" is not sent`)
  if (await isDelivered(claimed, paths)) return say(`"${outcome}" was delivered already`)

  // Before anything that waits for a network: it may be what is missing.
  await deps.screen(outcomeNotice(job, claimed))
  // A dispatcher that was killed has not made the network of its job, and there may be no other way to report.
  if ((await readDispatcherState(paths)) === undefined)
    await applyNetwork(job.network, deps, withTimeout(signal, ASK_MS)).catch(tell(deps, undefined))
  const logged = await logsAreSent(job, deps, signal)
  say(`sending "${outcome}"${claimed.failed_step === undefined ? '' : `, failed step ${claimed.failed_step}`}`)
  await deliver(job, claimed, deps, withTimeout(signal, PATIENCE_MS))
  // If that is not kept, the same report may be sent again.
  const receipt = `${claimed.delivery_id ?? ''} ${deps.clock.now().toISOString()}\n`
  await writeFileAtomic(paths.finalSent, receipt, 0o644).catch(tell(deps, undefined))
  say('delivered')
  // The controller switches the server off meanwhile: a stop is no failure any more.
  if (!logged) await logsAreSent(job, deps, signal).catch(tell(deps, false))
}

/** A dispatcher that gave up has shown why; one that was killed has not, and the screen is all there is to tell. */
async function showSilentEnd(deps: NotifyDeps, signal: AbortSignal): Promise<void> {
  if ((await readDispatcherState(deps.paths)) !== undefined) return
  const ending = await readEnding(DISPATCHER_UNIT, deps.programs, signal).catch(tell(deps, undefined))
  if (ending?.result === 'exit-code' && isOwnExit(ending.status)) return
  const why = ending === undefined ? `${DISPATCHER_UNIT} left no word` : describeEnding(DISPATCHER_UNIT, ending)
  deps.say(why)
  await deps.screen(failureNotice(why, UNEXPECTED, undefined))
}

async function logsAreSent(job: JobFile, deps: NotifyDeps, signal: AbortSignal): Promise<boolean> {
  const again = (error: unknown) => isAppError(error, 'controller-unreachable') && !isRefusal(error)
  const limit = withTimeout(signal, LOGS_MS)
  try {
    const text = await collectText(deps.paths, job, deps.programs, limit)
    await retryWithin(() => postLogs(job, text, limit), LOGS_BACKOFF, again, limit, deps.pause)
    return true
  } catch (error) {
    signal.throwIfAborted()
    deps.say(`the logs are not sent: ${errorText(error)}`)
    return false
  }
}

/** The try after which a person is told: a network that is just coming up is there by then. */
const UNREACHED = 3

async function deliver(job: JobFile, report: WebhookReport, deps: NotifyDeps, limit: AbortSignal): Promise<void> {
  const send = (attempt: number) =>
    post(job, job.webhook.url, JSON.stringify(report), 'application/json', limit).catch((error: unknown) => {
      deps.say(`attempt ${attempt + 1}: ${errorText(error)}`)
      // Once: it is tried for hours.
      if (attempt === UNREACHED) void deps.screen(unreachedNotice(job, report, errorText(error)))
      throw error
    })
  await retryWithin(send, deps.backoff, (error) => isAppError(error, 'controller-unreachable'), limit, deps.pause)
}

/** The report that stands: ours, or the one that was first. It is complete the moment it exists: link(2) is atomic. */
async function claim(outcome: Outcome, job: JobFile, deps: NotifyDeps, signal: AbortSignal): Promise<WebhookReport> {
  const { paths } = deps
  const present = await readReport(paths.final)
  if (present !== undefined) return present
  const own = await composeReport(outcome, job, deps, signal)
  const draft = `${paths.final}.${own.delivery_id}`
  try {
    await mkdir(paths.state, { recursive: true, mode: 0o755 })
    await writeFileAtomic(draft, `${JSON.stringify(own, null, 2)}\n`, 0o644)
    await link(draft, paths.final)
    return own
  } catch (error) {
    const first = await readReport(paths.final)
    if (first !== undefined) return first
    const unclaimed = new AppError('outputs-unwritable', `Cannot claim the outcome in ${paths.final}`, { cause: error })
    if (outcome === 'success') throw unclaimed
    // A full memory is a failure that must be told. Should two tell one, the controller counts the first.
    deps.say(errorText(unclaimed))
    return own
  } finally {
    await rm(draft, { force: true }).catch(tell(deps, undefined))
  }
}

async function composeReport(outcome: Outcome, job: JobFile, deps: NotifyDeps, signal: AbortSignal) {
  const dispatched = await readDispatcherState(deps.paths)
  const failure = outcome === 'failed' ? await findFailure(dispatched, job, deps, withTimeout(signal, ASK_MS)) : {}
  const report: WebhookReport & { delivery_id: string } = {
    status: outcome,
    ...failure,
    delivery_id: randomUUID(),
    job_id: job.job_id,
    ...(dispatched?.task_target === undefined ? {} : { task_target: dispatched.task_target }),
    ...(dispatched?.schema_id === undefined ? {} : { schema_id: dispatched.schema_id }),
    dispatcher_version: VERSION,
    ...(dispatched === undefined ? {} : { started_at: dispatched.started_at }),
    finished_at: deps.clock.now().toISOString(),
  }
  return report
}

/** Never fails: a report that cannot say why is better than none. */
async function findFailure(
  dispatched: DispatcherState | undefined,
  job: JobFile,
  deps: NotifyDeps,
  signal: AbortSignal,
): Promise<{ failed_step: string; message: string }> {
  const { programs, monitorUnit } = deps
  const endingOf = (unit: string) =>
    readEnding(unit, programs, signal).then((known) => [describeEnding(unit, known)], tell(deps, []))
  if (dispatched?.status === 'failed') {
    // Of one that was stopped systemd knows why: by its time limit, for one.
    const reason = (dispatched.message ?? '').slice(0, MAX_MESSAGE)
    const ending = dispatched.exit_code === UNEXPECTED.code ? await endingOf(DISPATCHER_UNIT) : []
    return { failed_step: DISPATCHER_UNIT, message: redact([...ending, reason].join('\n'), job) }
  }
  const target = dispatched?.task_target
  const units = target === undefined ? [] : await readUnits(target, programs, signal).catch(tell(deps, []))
  const failed_step = failedUnit(units, monitorUnit)
  const ending = await endingOf(failed_step)
  const lines = await lastLines(failed_step, job, programs, signal).catch(tell(deps, ''))
  return { failed_step, message: [...ending, ...(lines === '' ? [] : [lines])].join('\n') }
}

function tell<T>({ say }: NotifyDeps, instead: T): (error: unknown) => T {
  return (error) => {
    say(errorText(error))
    return instead
  }
}

async function readReport(path: string): Promise<WebhookReport | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  return text === undefined ? undefined : (JSON.parse(text) as WebhookReport)
}

/** By its delivery: a reporter of an earlier task of this boot may still be on its way. */
async function isDelivered({ delivery_id: id = '' }: WebhookReport, { finalSent }: RunPaths): Promise<boolean> {
  return (await readFile(finalSent, 'utf8').catch(() => '')).startsWith(`${id} `)
}
