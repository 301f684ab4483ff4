import { errorText, isAppError } from '../../shared/errors.ts'
import { type Backoff, retry } from '../../shared/time.ts'
import type { Bmc } from './bmc-ports.ts'
import type { HeldDeps } from './deps.ts'
import type { Job } from './machine.ts'

/** Thrown in place of what the media were refused with: the BMC is a new one, and the mount begins anew. */
class BmcRestarted extends Error {
  override readonly name = 'BmcRestarted'
}

/**
 * The last resort against virtual media that are stuck: restarts the BMC when it says that this helps, once for each job. It
 * is in the history before it is done, so whoever takes the job over does not do it again.
 * @throws BmcRestarted, or `refusal` when nothing was done about it
 */
export async function restartIfStuck(
  job: Job,
  bmc: Bmc,
  refusal: unknown,
  deps: HeldDeps,
  signal: AbortSignal,
): Promise<never> {
  const helps = isAppError(refusal, 'redfish-answer') && refusal.facts['restartHelps'] === true
  if (!helps || (await deps.jobs.lastEntry(job.id, 'bmc-restart')) !== undefined) throw refusal
  await deps.note(job.id, 'bmc-restart', `the BMC is restarted as a last resort: ${errorText(refusal)}`)
  deps.assertHeld()
  try {
    await bmc.restart(signal)
  } catch (error) {
    if (signal.aborted || !isAppError(error)) throw error
    await deps.note(job.id, 'note', errorText(error))
    throw refusal
  }
  throw new BmcRestarted('the BMC was restarted')
}

/** With the waits between them a minute; some BMCs lock an account that is refused five times. */
const LOGINS = 4

/** `mount`, and once more after it has restarted the BMC, which answers at first and refuses logins. */
export function orAfterRestart<T>(mount: () => Promise<T>, patience: Backoff, signal: AbortSignal): Promise<T> {
  return mount().catch((error: unknown) => {
    if (!(error instanceof BmcRestarted)) throw error
    return retry(mount, { ...patience, firstMs: 10 * patience.firstMs, attempts: LOGINS }, isStarting, signal)
  })
}

function isStarting(error: unknown): boolean {
  return isAppError(error, 'redfish-unreachable') || (isAppError(error) && error.facts['status'] === 401)
}
