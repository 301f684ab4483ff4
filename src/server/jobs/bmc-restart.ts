import { errorText, isAppError } from '../../shared/errors.ts'
import { retryWithin } from '../../shared/time.ts'
import type { Bmc } from './bmc-ports.ts'
import { bmcRefusal } from './bmc-refusal.ts'
import { patientWith } from './bmc-session.ts'
import type { Conversation } from './deps.ts'

/** Thrown in place of what the media were refused with: the BMC is a new one, and the mount begins anew. */
class BmcRestarted extends Error {
  override readonly name = 'BmcRestarted'
}

/**
 * The last resort against virtual media that are stuck: restarts the BMC when it says that this helps, once for each job. It
 * is in the history before it is done, so whoever takes the job over does not do it again.
 * @throws BmcRestarted, or `refusal` when nothing was done about it
 */
export async function restartIfStuck({ job, deps, limit }: Conversation, bmc: Bmc, refusal: unknown): Promise<never> {
  if (!bmcRefusal(refusal).restartHelps || (await deps.jobs.lastEntry(job.id, 'bmc-restart')) !== undefined)
    throw refusal
  await deps.note(job.id, 'bmc-restart', `the BMC is restarted as a last resort: ${errorText(refusal)}`)
  deps.assertHeld()
  try {
    await bmc.restart(limit)
  } catch (error) {
    if (limit.aborted || !isAppError(error)) throw error
    await deps.note(job.id, 'note', errorText(error))
    throw refusal
  }
  throw new BmcRestarted('the BMC was restarted')
}

/** An iDRAC takes three to five minutes, and some of them begin a minute after the order. */
const RESTART_MS = 10 * 60_000

/** Also for whoever takes the job over: what a BMC does after its restart is not what it refuses. */
async function isRestarting({ job, deps }: Conversation): Promise<boolean> {
  const restart = await deps.jobs.lastEntry(job.id, 'bmc-restart')
  return restart !== undefined && deps.clock.now().getTime() - restart.at.getTime() < RESTART_MS
}

/** `mount`, and again once the BMC was restarted, by this controller or one before: it is away, and then refuses logins. */
export async function orAfterRestart<T>(conversation: Conversation, mount: () => Promise<T>): Promise<T> {
  const { deps, limit } = conversation
  let isAway = await isRestarting(conversation)
  const isPatient = patientWith()
  const mayGoOn = (error: unknown) => {
    isAway ||= error instanceof BmcRestarted
    return isAway && (error instanceof BmcRestarted || (isPatient(error) && isOfStart(error)))
  }
  // With the waits between them the logins that may be refused take a minute.
  const slowly = { ...deps.patience, firstMs: 10 * deps.patience.firstMs }
  return retryWithin(mount, slowly, mayGoOn, limit)
}

/** What a BMC that starts fails with. */
function isOfStart(error: unknown): boolean {
  return isAppError(error, 'redfish-unreachable') || bmcRefusal(error).status === 401
}
