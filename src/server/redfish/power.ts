import { AppError, isAppError } from '../../shared/errors.ts'
import { sleep } from '../../shared/time.ts'
import type { PowerState } from '../jobs/bmc-ports.ts'
import { isOk, type RedfishAnswer, refused } from './answer.ts'
import type { RedfishClient } from './client.ts'
import type { Discovery } from './discover.ts'
import { hasMessage } from './messages.ts'
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
      // One that is on its way is there when it has arrived: a server that is PoweringOn has yet to be switched off.
      const reached = (seen: System) => !isMoving(seen) && readState(seen) === to
      const polling = { everyMs: timing.pollMs, limitMs: timing.powerMs }
      let lost: AppError | undefined
      // An order without an answer may have been carried out all the same: only the state tells.
      const send = () =>
        order(to, signal).catch((error: unknown) => {
          if (!isAppError(error, 'redfish-unreachable')) throw error
          lost = error
          return undefined
        })
      const first = await read(signal)
      if (reached(first)) return
      // A second push of the power button would undo the first.
      const coming = to === 'on' && first.powerState === 'PoweringOn'
      let answer = coming ? undefined : await send()
      // Refused for a while after an off, or when the wanted state is just being reached: looked at, then ordered again.
      const look = async () => {
        const seen = await read(signal)
        if (answer !== undefined && isPassing(answer) && !reached(seen)) answer = await send()
        return seen
      }
      const isRefused = () => answer !== undefined && !isOk(answer) && !isPassing(answer)
      // A refused order may be on its way all the same, by somebody else's.
      const isOver = (seen: System) => reached(seen) || (isRefused() && !isMoving(seen))
      const last = await pollUntil(look, isOver, polling, signal)
      if (reached(last)) return to === 'off' ? sleep(quirks.afterOffMs * timing.waitFactor, signal) : undefined
      if (answer !== undefined && !isOk(answer)) {
        throw refused(`switch the server ${to}`, answer, { isFinal: isFinal(answer) })
      }
      if (lost !== undefined) throw lost
      const state = last.powerState ?? 'not told'
      throw new AppError('redfish-answer', `Cannot switch the server ${to}: its power state is still ${state}`)
    },
  }
}

/**
 * On or off for whoever asks.
 * @throws `redfish-answer` when the BMC does not tell
 */
function powerStateOf(system: System): PowerState {
  const state = readState(system)
  if (state !== undefined) return state
  throw new AppError('redfish-answer', `Cannot read the power state: it is ${system.powerState ?? 'not told'}`, {
    facts: { path: system.resource.path },
  })
}

/** iDRAC 10 answers 409 to On after an off, iLO 400. */
function isPassing({ status, messages }: RedfishAnswer): boolean {
  return status === 409 || (status === 400 && hasMessage(messages, /InvalidOperationForSystemState$/))
}

/** No right to it, no such action, a value that is not offered: refused at every try. */
function isFinal({ status, messages }: RedfishAnswer): boolean {
  if (status === 400) return hasMessage(messages, /\.(ActionNotSupported|ActionParameter\w+|InsufficientPrivilege)$/)
  return [403, 404, 405, 501].includes(status)
}

function isMoving({ powerState }: System): boolean {
  return powerState === 'PoweringOn' || powerState === 'PoweringOff'
}

/** PoweringOff is still on; a server that is PoweringOn is not there yet. BMCs tell nothing while they are busy. */
function readState({ powerState }: System): PowerState | undefined {
  switch (powerState) {
    case 'On':
    case 'PoweringOff':
    case 'Paused':
      return 'on'
    case 'Off':
    case 'PoweringOn':
      return 'off'
    default:
      return undefined
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
