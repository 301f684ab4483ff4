import { useOverride } from './boot.ts'
import type { Reply } from './reply.ts'
import { type BmcState, refusal, takeOne } from './state.ts'
import { runScheduledJobs } from './tasks.ts'

const TURN_ON = ['On', 'ForceOn']
/** Answers of 503 after a restart of the BMC. */
const AWAY_LOOKS = 3

/** ComputerSystem.Reset. The new state shows after a look. */
export function reset(type: string, state: BmcState): Reply {
  const { machine, profile } = state
  const { power, manager } = profile
  if (!power.resets.includes(type)) {
    const text = `The value ${type} for the parameter ResetType is not in the list of acceptable values.`
    return refusal(state, { status: 400, id: 'ActionParameterNotSupported', text, args: [type] })
  }
  const on = machine.power() === 'on'
  const turnsOn = TURN_ON.includes(type) || (type === 'PushPowerButton' && !on)
  if (turnsOn === on) {
    const text = 'The operation was not successful due to the current power state.'
    return manager.postState
      ? refusal(state, { status: 400, id: 'iLO.2.14.InvalidOperationForSystemState', text })
      : refusal(state, { status: 409, id: 'ActionParameterValueConflict', text })
  }
  if (turnsOn && takeOne(state, 'conflict')) {
    return refusal(state, {
      status: 409,
      id: 'ActionParameterValueConflict',
      text: 'The server is being switched off.',
    })
  }
  state.left.set('power', 1)
  if (on) {
    machine.stop()
    state.left.set('post', 0)
    state.left.set('conflict', power.conflictsAfterOff ?? 0)
  } else {
    runScheduledJobs(state)
    state.left.set('post', power.postLooks ?? 0)
    if (!state.stuck) machine.start(useOverride(state), inserted(state))
  }
  return { status: 204 }
}

/** Manager.Reset: sessions are gone, nothing answers for some looks, and then no system is listed. */
export function restart(state: BmcState): Reply {
  state.sessions.clear()
  state.wedged = false
  state.left.set('away', AWAY_LOOKS)
  state.left.set('systems', 1)
  return { status: 204 }
}

/** Every medium the system sees, in the order of its slots. */
function inserted({ slots }: BmcState): readonly string[] {
  return slots.flatMap(({ image }) => image ?? [])
}
