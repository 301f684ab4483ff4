import { AppError, isAppError } from '../../shared/errors.ts'
import { must } from './answer.ts'
import type { RedfishClient } from './client.ts'
import { type Discovery, ofManagers } from './discover.ts'
import { pollUntil } from './polling.ts'
import type { Timing } from './timing.ts'

/** Forced only where nothing else is offered: an iDRAC offers the graceful one alone. */
const RESET_TYPES = ['GracefulRestart', 'ForceRestart']

/** An iDRAC takes three to five minutes. */
const BACK_SLOT_TIMES = 6

/**
 * Manager.Reset: waits until the BMC has gone, and until it answers again. It lists no system for some time then, which
 * whoever logs in next has to wait for.
 * @throws `redfish-unsupported` when it cannot be restarted, `redfish-unreachable` when it does not come back
 */
export async function restartBmc(
  client: RedfishClient,
  discovery: Discovery,
  { pollMs, slotMs }: Timing,
  signal: AbortSignal,
): Promise<void> {
  const reset = ofManagers(discovery, 'reset')
  const allowed = reset?.allowable('ResetType')
  const type = RESET_TYPES.find((each) => allowed === undefined || allowed.includes(each))
  if (reset === undefined || type === undefined)
    throw new AppError('redfish-unsupported', 'Cannot restart the BMC: it offers no way to')
  await order(client, reset.target, type, signal)
  client.forget()
  const answers = () => client.answers(signal)
  // One that was never seen away has restarted between two looks, or takes its time.
  await pollUntil(answers, (is) => !is, { everyMs: pollMs, limitMs: slotMs }, signal)
  if (await pollUntil(answers, (is) => is, { everyMs: pollMs, limitMs: BACK_SLOT_TIMES * slotMs }, signal)) return
  throw new AppError('redfish-unreachable', 'Cannot restart the BMC: it did not come back')
}

/** A BMC that goes at once answers nothing. */
async function order(client: RedfishClient, target: string, type: string, signal: AbortSignal): Promise<void> {
  try {
    must('restart the BMC', await client.post(target, { ResetType: type }, signal))
  } catch (error) {
    if (!isAppError(error, 'redfish-unreachable')) throw error
  }
}
