import { AppError, errorText } from '../../shared/errors.ts'
import { retryWithin, sleep, withTimeout } from '../../shared/time.ts'
import type { Bmc, RedfishStep } from './bmc-ports.ts'
import { mayPass, patientWith, withBmc } from './bmc-session.ts'
import type { HeldDeps } from './deps.ts'
import type { Job } from './machine.ts'
import { isTouched } from './machine.ts'
import { StepFailure } from './provision.ts'

const LATE_LOOK_MS = 2_000

/** The last thing done to a server. From then on it is its owner's: a restarted controller must not switch it off again. */
const HAND_OVER = { type: 'hand-over', message: 'switching on into the installed system' } as const

/**
 * Leaves the server as its outcome wants it: off, media out, boot order its own; then on again when the installation
 * succeeded. A BMC that restarts or is busy is asked again until the time is over. What cannot be cleaned up is noted on
 * the job and never hides its outcome. A server the job did not come to is not touched at all.
 */
export async function cleanUp(job: Job, deps: HeldDeps, signal: AbortSignal): Promise<void> {
  if (isTouched(job)) await leave(job, deps, signal)
  deps.media.forget(job)
  deps.bootWatch.forget(job)
}

/** How far a cleanup has come, over all its tries. */
interface Stand {
  /** From our media. */
  readonly wasStarted: boolean
  isOff: boolean
  isTakenBack: boolean
  isHandedOver: boolean
}

async function leave(job: Job, deps: HeldDeps, signal: AbortSignal): Promise<void> {
  // When the server was last told to start from our media.
  const orderedAt = (await deps.jobs.lastEntry(job.id, 'start'))?.at
  const lateUntil = performance.now() + lateStartMs(job, orderedAt, deps)
  const isHandedOver = (await deps.jobs.lastEntry(job.id, 'hand-over')) !== undefined
  const wasStarted = orderedAt !== undefined
  const stand: Stand = { wasStarted, isOff: false, isTakenBack: isHandedOver, isHandedOver }
  const handOver = async (bmc: Bmc, within: AbortSignal) => {
    if (!stand.isHandedOver) await deps.note(job.id, HAND_OVER.type, HAND_OVER.message)
    stand.isHandedOver = true
    await bmc.powerOn(within)
  }
  await patiently(job, deps, signal, async (bmc, within) => {
    if (!stand.isTakenBack) await takeBack(bmc, stand, lateUntil, within)
    if (job.outcome === 'success') await handOver(bmc, within)
  })
  // A medium that cannot be taken out keeps no installed system off.
  if (job.outcome === 'success' && stand.isOff && !stand.isTakenBack) await patiently(job, deps, signal, handOver)
}

/** Does `action` until it is done or its time is over, which is noted. Throws only when the worker has to stop. */
async function patiently(
  job: Job,
  deps: HeldDeps,
  signal: AbortSignal,
  action: (bmc: Bmc, within: AbortSignal) => Promise<void>,
): Promise<void> {
  const limited = withTimeout(signal, deps.budgets.cleanupMs)
  const once = async () => {
    const server = await deps.servers.find(job.serverSerial)
    if (server === undefined)
      throw new AppError('server-not-found', `Cannot clean up: server "${job.serverSerial}" is not registered any more`)
    await withBmc(server, deps, limited, (bmc) => {
      deps.assertHeld()
      return action(bmc, limited)
    })
  }
  const attempt = (number: number) =>
    once().catch(async (error: unknown) => {
      const text = `${stepOf(error)} does not succeed, trying on: ${errorText(reasonOf(error))}`
      if (number === 0 && !limited.aborted && mayPass(reasonOf(error))) await deps.note(job.id, 'note', text)
      throw error
    })
  const isPatient = patientWith()
  try {
    await retryWithin(attempt, deps.patience, (error) => isPatient(reasonOf(error)), limited)
  } catch (error) {
    if (signal.aborted) throw error
    deps.log.warn({ err: error, jobId: job.id, step: stepOf(error) }, 'cleanup failed')
    await deps.note(job.id, 'note', `${stepOf(error)} failed: ${errorText(reasonOf(error))}`)
  }
}

/**
 * Power goes first: ejecting under the maintenance OS corrupts what it does. One that never was started is not under
 * anything, and whatever else fails leaves no boot override behind.
 */
async function takeBack(bmc: Bmc, stand: Stand, lateUntil: number, signal: AbortSignal): Promise<void> {
  const failures: unknown[] = []
  const attempt = async (step: RedfishStep, action: () => Promise<void>) => {
    await part(step, action).catch((error: unknown) => {
      signal.throwIfAborted()
      failures.push(error)
    })
  }
  stand.isOff = false
  await attempt('cleanup.reset', async () => {
    if ((await bmc.power(signal)) === 'off') await watchForLateStart(bmc, lateUntil, signal)
    await bmc.powerOff(signal)
    stand.isOff = true
  })
  if (stand.isOff || !stand.wasStarted) await attempt('cleanup.unmount', () => bmc.ejectMedia(signal))
  await attempt('cleanup.reset', () => bmc.clearBootOverride(stand.wasStarted, signal))
  if (failures.length > 0) throw failures[0]
  stand.isTakenBack = true
}

async function part(step: RedfishStep, action: () => Promise<void>): Promise<void> {
  try {
    await action()
  } catch (cause) {
    throw new StepFailure(step, errorText(cause), { cause })
  }
}

function stepOf(error: unknown): string {
  return error instanceof StepFailure ? error.step : 'cleanup.reset'
}

function reasonOf(error: unknown): unknown {
  return error instanceof StepFailure ? error.cause : error
}

/**
 * How long the BMC may still carry out an order to switch on: a slow one shows a server as off that it is about to start,
 * and media must not be ejected under it, nor the server be left on.
 */
function lateStartMs(job: Job, ordered: Date | undefined, { budgets, clock }: HeldDeps): number {
  if (job.outcome === 'success') return 0
  // The order was given again and again until it was given up.
  if (job.failedStep === 'redfish.reset') return budgets.lateStartMs
  if (ordered === undefined) return 0
  return Math.min(budgets.lateStartMs, ordered.getTime() + budgets.lateStartMs - clock.now().getTime())
}

async function watchForLateStart(bmc: Bmc, until: number, signal: AbortSignal): Promise<void> {
  for (let left = until - performance.now(); left > 0; left = until - performance.now()) {
    await sleep(Math.min(LATE_LOOK_MS, left), signal)
    if ((await bmc.power(signal)) === 'on') return
  }
}
