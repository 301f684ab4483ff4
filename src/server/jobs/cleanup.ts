import { errorText } from '../../shared/errors.ts'
import { withTimeout } from '../../shared/time.ts'
import { withBmc } from './bmc-session.ts'
import type { WorkerDeps } from './deps.ts'
import type { Job } from './machine.ts'
import type { Bmc, Server } from './ports.ts'

/**
 * Leaves the server as its outcome wants it: off, media out, boot order its own; then on again when the installation
 * succeeded. Power goes first: ejecting under a running system corrupts it. What cannot be cleaned up is noted on the
 * job and never hides its outcome.
 */
export async function cleanUp(
  job: Job,
  server: Server | undefined,
  deps: WorkerDeps,
  signal: AbortSignal,
): Promise<void> {
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
  if (server !== undefined) {
    await attempt('cleanup.reset', () => withBmc(server, deps, limited, (bmc) => leave(job, bmc, attempt, limited)))
  }
  deps.media.forget(job)
}

type Attempt = (key: string, action: () => Promise<void>) => Promise<void>

async function leave(job: Job, bmc: Bmc, attempt: Attempt, signal: AbortSignal): Promise<void> {
  await attempt('cleanup.reset', () => bmc.powerOff(signal))
  await attempt('cleanup.unmount', () => bmc.ejectMedia(signal))
  await attempt('cleanup.reset', () => bmc.clearBootOverride(signal))
  if (job.outcome === 'success') await attempt('cleanup.reset', () => bmc.powerOn(signal))
}
