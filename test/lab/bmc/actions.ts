import { BOOT_TARGETS, MEDIA, RESET_TYPES, SYSTEM, TASKS } from './resources.ts'
import { type BmcState, type Reply, refusal, type SlotState } from './state.ts'

type Body = Readonly<Record<string, unknown>>

/** Runs what a POST or PATCH asks for; `undefined` when nothing is at the path. */
export async function change(method: string, path: string, body: Body, state: BmcState): Promise<Reply | undefined> {
  if (method === 'PATCH' && path === SYSTEM) return setBoot(body['Boot'], state)
  if (method !== 'POST') return undefined
  if (path === `${SYSTEM}/Actions/ComputerSystem.Reset`) return reset(body['ResetType'], state)
  const [, id, action] = /^\/([^/]+)\/Actions\/VirtualMedia\.(Insert|Eject)Media$/.exec(path.slice(MEDIA.length)) ?? []
  const slot = path.startsWith(MEDIA) ? state.slots.find((candidate) => candidate.id === id) : undefined
  if (slot === undefined) return undefined
  return action === 'Insert' ? insert(slot, body, state) : eject(slot, state)
}

/** 202 with a task for what a real BMC does in its own time. */
export function asTask(state: BmcState): Reply {
  const path = `${TASKS}/${state.tasks.size + 1}`
  state.tasks.set(path, { looks: 0 })
  return { status: 202, headers: { Location: path }, body: { '@odata.id': path, TaskState: 'New' } }
}

async function insert(slot: SlotState, body: Body, state: BmcState): Promise<Reply> {
  const image = body['Image']
  if (typeof image !== 'string') {
    return refusal(400, 'ActionParameterMissing', 'The action InsertMedia requires the parameter Image.', ['Image'])
  }
  if (slot.image !== undefined) {
    return refusal(400, 'ResourceInUse', 'The change cannot be made because the resource is in use.')
  }
  try {
    await state.machine.media(slot.drive, image)
  } catch (error) {
    return refusal(400, 'ResourceAtUriUnauthorized', `Unable to read the image: ${String(error)}`)
  }
  slot.image = image
  return { status: 204 }
}

async function eject(slot: SlotState, state: BmcState): Promise<Reply> {
  await state.machine.media(slot.drive, undefined)
  slot.image = undefined
  return { status: 204 }
}

function setBoot(wanted: unknown, { boot }: BmcState): Reply {
  if (typeof wanted !== 'object' || wanted === null)
    return refusal(400, 'PropertyMissing', 'Boot is missing.', ['Boot'])
  const { BootSourceOverrideTarget: target, BootSourceOverrideEnabled: enabled } = wanted as Body
  if (target !== undefined && !BOOT_TARGETS.includes(String(target))) {
    const text = `The value ${String(target)} for the property BootSourceOverrideTarget is not in the list of acceptable values.`
    return refusal(400, 'PropertyValueNotInList', text, [String(target), 'BootSourceOverrideTarget'])
  }
  if (target !== undefined) boot.target = String(target)
  if (enabled === 'Once' || enabled === 'Continuous' || enabled === 'Disabled') boot.enabled = enabled
  return { status: 204 }
}

async function reset(type: unknown, state: BmcState): Promise<Reply> {
  const { machine } = state
  if (typeof type !== 'string' || !RESET_TYPES.includes(type)) {
    return refusal(400, 'ActionParameterNotSupported', `The value ${String(type)} is not supported.`, [String(type)])
  }
  if ((type === 'On') === (machine.power() === 'on')) {
    return refusal(409, 'NoOperation', `The server is ${machine.power()} already.`)
  }
  state.resets.push(type)
  if (type === 'GracefulShutdown') await machine.shutdown()
  if (type === 'ForceOff' || type === 'ForceRestart') await machine.stop()
  if (type === 'On' || type === 'ForceRestart') await machine.start(useOverride(state))
  return { status: 204 }
}

/** What this boot is from; `Once` is used up by it. */
function useOverride({ boot }: BmcState): 'cd' | 'disk' {
  const source = boot.enabled !== 'Disabled' && boot.target === 'Cd' ? 'cd' : 'disk'
  if (boot.enabled === 'Once') {
    boot.enabled = 'Disabled'
    boot.target = 'None'
  }
  return source
}
