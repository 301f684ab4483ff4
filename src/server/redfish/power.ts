import { AppError } from '../../shared/errors.ts'
import { sleep } from '../../shared/time.ts'
import type { PowerState } from '../jobs/ports.ts'
import { isOk, type RedfishAnswer, refused } from './answer.ts'
import type { RedfishClient } from './client.ts'
import type { Discovery } from './discover.ts'
import { pollUntil } from './polling.ts'
import { parseActionInfo, parseSystem, type System } from './resources.ts'
import type { Timing } from './timing.ts'

/** ResetType values for each wish, best first. */
const RESET_TYPES: Readonly<Record<PowerState, readonly string[]>> = {
  on: ['On', 'ForceOn', 'PushPowerButton'],
  off: ['ForceOff', 'PushPowerButton', 'GracefulShutdown'],
}

export interface Power {
  state(signal: AbortSignal): Promise<PowerState>
  /** Brings the server to the state and waits for it; nothing is sent when it is there already. */
  bring(to: PowerState, signal: AbortSignal): Promise<void>
}

export function createPower(client: RedfishClient, { system, quirks }: Discovery, timing: Timing): Power {
  const read = async (signal: AbortSignal) => parseSystem(await client.get(system.resource.path, signal))

  async function order(to: PowerState, signal: AbortSignal): Promise<RedfishAnswer> {
    if (system.reset === undefined)
      throw new AppError('redfish-unsupported', 'Cannot switch the server: it has no Reset')
    const allowed = await allowedResets(client, system, signal)
    return client.post(system.reset.target, { ResetType: chooseReset(to, allowed) }, signal)
  }

  return {
    async state(signal) {
      return powerStateOf(await read(signal))
    },

    async bring(to, signal) {
      const reached = (seen: System) => powerStateOf(seen) === to
      const polling = { everyMs: timing.pollMs, limitMs: timing.powerMs }
      if (reached(await read(signal))) return
      let answer = await order(to, signal)
      // iDRAC 10 answers 409 to On for a while after an off, others when the wanted state is just being reached.
      const look = async () => {
        if (isOk(answer)) return read(signal)
        const seen = await read(signal)
        if (!reached(seen) && answer.status === 409) answer = await order(to, signal)
        return seen
      }
      const settled = (seen: System) => reached(seen) || (!isOk(answer) && answer.status !== 409)
      const last = await pollUntil(look, settled, polling, signal)
      if (reached(last)) return to === 'off' ? sleep(quirks.afterOffMs * timing.waitFactor, signal) : undefined
      if (!isOk(answer)) throw refused(`switch the server ${to}`, answer)
      const state = last.powerState ?? 'not told'
      throw new AppError('redfish-answer', `Cannot switch the server ${to}: its power state is still ${state}`)
    },
  }
}

/**
 * On or off for whoever asks. PoweringOff is still on; a server that is PoweringOn is not there yet.
 * @throws `redfish-answer` when the BMC does not tell
 */
export function powerStateOf({ powerState, resource }: System): PowerState {
  switch (powerState) {
    case 'On':
    case 'PoweringOff':
    case 'Paused':
      return 'on'
    case 'Off':
    case 'PoweringOn':
      return 'off'
    default:
      throw new AppError('redfish-answer', `Cannot read the power state: it is ${powerState ?? 'not told'}`, {
        facts: { path: resource.path },
      })
  }
}

/** @throws `redfish-unsupported` when the BMC's list has none of ours */
export function chooseReset(to: PowerState, allowed: readonly string[] | undefined): string {
  const found = RESET_TYPES[to].find((type) => allowed === undefined || allowed.includes(type))
  if (found !== undefined) return found
  throw new AppError('redfish-unsupported', `Cannot switch the server ${to}: the BMC offers ${allowed?.join(', ')}`)
}

async function allowedResets(
  client: RedfishClient,
  { reset }: System,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const listed = reset?.allowable('ResetType')
  if (listed !== undefined || reset?.info === undefined) return listed
  const info = await client.find(reset.info, signal)
  return info === undefined ? undefined : parseActionInfo(info, 'ResetType')
}
