import { AppError, errorText } from '../../shared/errors.ts'
import { withTimeout } from '../../shared/time.ts'
import { withBmc } from './bmc-session.ts'
import type { WorkerDeps } from './deps.ts'
import type { Job } from './machine.ts'
import { isTouched } from './machine.ts'
import type { Bmc } from './ports.ts'

/** The last thing done to a server. From then on it is its owner's: a restarted controller must not switch it off again. */
const HAND_OVER = { type: 'bmc', message: 'switching on into the installed system' }

/**
 * Leaves the server as its outcome wants it: off, media out, boot order its own; then on again when the installation
 * succeeded. Power goes first: ejecting under a running system corrupts it. What cannot be cleaned up is noted on the
 * job and never hides its outcome. A server the job did not come to is not touched at all.
 */
export async function cleanUp(job: Job, deps: WorkerDeps, signal: AbortSignal): Promise<void> {
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

async function leave(job: Job, attempt: Attempt, deps: WorkerDeps, signal: AbortSignal): Promise<void> {
  const server = await deps.servers.find(job.serverSerial)
  if (server === undefined)
    throw new AppError('server-not-found', `Cannot clean up: server "${job.serverSerial}" is not registered any more`)
  const handedOver = await wasHandedOver(job, deps)
  await withBmc(server, deps, signal, async (bmc) => {
    if (!handedOver) await takeBack(bmc, attempt, signal)
    if (job.outcome !== 'success') return
    if (!handedOver) await deps.note(job.id, HAND_OVER.type, HAND_OVER.message)
    await attempt('cleanup.reset', () => bmc.powerOn(signal))
  })
}

async function takeBack(bmc: Bmc, attempt: Attempt, signal: AbortSignal): Promise<void> {
  await attempt('cleanup.reset', () => bmc.powerOff(signal))
  await attempt('cleanup.unmount', () => bmc.ejectMedia(signal))
  await attempt('cleanup.reset', () => bmc.clearBootOverride(signal))
}

async function wasHandedOver(job: Job, deps: WorkerDeps): Promise<boolean> {
  const history = await deps.jobs.history(job.id, 0)
  return history.some(({ type, message }) => type === HAND_OVER.type && message === HAND_OVER.message)
}
