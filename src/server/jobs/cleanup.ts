import { AppError, errorText } from '../../shared/errors.ts'
import { sleep, withTimeout } from '../../shared/time.ts'
import { withBmc } from './bmc-session.ts'
import type { HeldDeps } from './deps.ts'
import type { Job } from './machine.ts'
import { isTouched } from './machine.ts'
import type { Bmc, HistoryEntry } from './ports.ts'

const LATE_LOOK_MS = 2_000

/** The last thing done to a server. From then on it is its owner's: a restarted controller must not switch it off again. */
const HAND_OVER = { type: 'bmc', message: 'switching on into the installed system' }

/**
 * Leaves the server as its outcome wants it: off, media out, boot order its own; then on again when the installation
 * succeeded. Power goes first: ejecting under a running system corrupts it. What cannot be cleaned up is noted on the
 * job and never hides its outcome. A server the job did not come to is not touched at all.
 */
export async function cleanUp(job: Job, deps: HeldDeps, signal: AbortSignal): Promise<void> {
  const limited = withTimeout(signal, deps.budgets.cleanupMs)
  const attempt = async (key: string, action: () => Promise<void>) => {
    try {
      await action()
    } catch (error) {
      if (signal.aborted) throw error
      deps.log.warn({ err: error, jobId: job.id, step: key }, 'cleanup failed')
      await deps.note(job.id, 'note', `${key} failed: ${errorText(error)}`)
    }
  }
  if (isTouched(job)) await attempt('cleanup.reset', () => leave(job, attempt, deps, limited))
  deps.media.forget(job)
  deps.bootWatch.forget(job)
}

type Attempt = (key: string, action: () => Promise<void>) => Promise<void>

async function leave(job: Job, attempt: Attempt, deps: HeldDeps, signal: AbortSignal): Promise<void> {
  const server = await deps.servers.find(job.serverSerial)
  if (server === undefined)
    throw new AppError('server-not-found', `Cannot clean up: server "${job.serverSerial}" is not registered any more`)
  const history = await deps.jobs.history(job.id, 0)
  const handedOver = history.some(({ type, message }) => type === HAND_OVER.type && message === HAND_OVER.message)
  await withBmc(server, deps, signal, async (bmc) => {
    deps.assertHeld()
    if (!handedOver) await takeBack(bmc, attempt, lateStartMs(job, history, deps), signal)
    if (job.outcome !== 'success') return
    if (!handedOver) await deps.note(job.id, HAND_OVER.type, HAND_OVER.message)
    await attempt('cleanup.reset', () => bmc.powerOn(signal))
  })
}

async function takeBack(bmc: Bmc, attempt: Attempt, lateMs: number, signal: AbortSignal): Promise<void> {
  await attempt('cleanup.reset', async () => {
    if ((await bmc.power(signal)) === 'off') await watchForLateStart(bmc, lateMs, signal)
    await bmc.powerOff(signal)
  })
  await attempt('cleanup.unmount', () => bmc.ejectMedia(signal))
  await attempt('cleanup.reset', () => bmc.clearBootOverride(signal))
}

/**
 * How long the BMC may still carry out an order to switch on: a slow one shows a server as off that it is about to start,
 * and media must not be ejected under it, nor the server be left on.
 */
function lateStartMs(job: Job, history: readonly HistoryEntry[], { budgets, clock }: HeldDeps): number {
  if (job.outcome === 'success') return 0
  // The order was given again and again until it was given up.
  if (job.failedStep === 'redfish.reset') return budgets.lateStartMs
  const ordered = history.findLast(({ type, message }) => type === 'phase' && message === 'booting')
  if (ordered === undefined) return 0
  return Math.min(budgets.lateStartMs, ordered.at.getTime() + budgets.lateStartMs - clock.now().getTime())
}

async function watchForLateStart(bmc: Bmc, forMs: number, signal: AbortSignal): Promise<void> {
  const begun = performance.now()
  while (performance.now() - begun < forMs) {
    await sleep(Math.min(LATE_LOOK_MS, forMs), signal)
    if ((await bmc.power(signal)) === 'on') return
  }
}
