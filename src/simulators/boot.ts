import { BOOT_PROPERTIES } from './profile.ts'
import type { Body, Reply } from './reply.ts'
import { type BmcState, refusal, takeOne } from './state.ts'
import { asScheduledJob, asTask, hasOpenJob } from './tasks.ts'

/** Where the firmware has the virtual CD. */
export const VIRTUAL_CD_PATH = 'PciRoot(0x0)/Pci(0x14,0x0)/USB(0x13,0x0)/USB(0x2,0x0)'

/** What may be asked for; by the fault `no-cd-target` no CD. */
export function offeredTargets({ profile, faults }: BmcState): readonly string[] {
  const { targets } = profile.boot
  return faults.has('no-cd-target') ? targets.filter((target) => !/cd/i.test(target)) : targets
}

/** A PATCH of Boot, at the system or at its settings object. */
export function changeBoot(at: 'system' | 'settings', body: Body, state: BmcState): Reply {
  const change = bootOf(body)
  const refused = checkPlace(at, change, state) ?? checkValues(change, state)
  if (refused !== undefined) return refused
  const { boot, profile, machine } = state
  const isJob = at === 'settings' && profile.manager.dell !== undefined
  const kept = profile.boot.flipsToLegacy ? 'Legacy' : boot.mode
  const mode = takeOne(state, 'flip') ? 'Legacy' : (change['BootSourceOverrideMode'] ?? kept)
  boot.target = change['BootSourceOverrideTarget'] ?? boot.target
  boot.enabled = change['BootSourceOverrideEnabled'] ?? boot.enabled
  boot.device = change['UefiTargetBootSourceOverride'] ?? boot.device
  if (!isJob) boot.mode = mode
  // The firmware finds other variables than it left, and asks the person in front of it.
  if (profile.boot.restorationScreen && machine.wroteNvram()) state.stuck = true
  if (isJob) return asScheduledJob(state, () => Object.assign(boot, { mode }))
  return { status: profile.etags === 'none' ? 204 : 200 }
}

/** Dell's way: a configuration with `ServerBoot.1` that starts the virtual CD once. */
export function importConfiguration(body: Body, state: BmcState): Reply {
  const buffer = String(body['ImportBuffer'] ?? '')
  const wanted = ['#BootOnce">Enabled<', '#FirstBootDevice">VCD-DVD<'].every((part) => buffer.includes(part))
  if (!wanted || /\s\s|\n/.test(buffer)) {
    return refusal(state, { status: 400, id: 'IDRAC.2.8.SYS045', text: 'The import buffer is not valid.' })
  }
  if (hasOpenJob(state)) {
    const text = 'Unable to perform the import operation because a configuration job is in progress.'
    return refusal(state, { status: 400, id: 'IDRAC.2.8.LC068', text })
  }
  Object.assign(state.serverBoot, { once: 'Enabled', first: 'VCD-DVD' })
  return asTask(state, undefined)
}

/** What this start is from: the URL of the virtual CD, or `undefined` for the disk. `Once` is used up by it. */
export function useOverride(state: BmcState): string | undefined {
  const { boot, profile, slots, serverBoot } = state
  const { virtualCd, slots: order, readsContinuous } = profile.boot
  const next = slots.find((slot) => slot.bootNext && slot.image !== undefined)
  const isCd = virtualCd.includes(boot.target) || (boot.target === 'UefiTarget' && boot.device === VIRTUAL_CD_PATH)
  const armed = boot.enabled !== 'Disabled' && isCd && boot.mode === 'UEFI'
  const image = order
    .map((id) => slots.find(({ rules, attachLooks }) => rules.id === id && attachLooks <= 0)?.image)
    .find((found) => found !== undefined)
  for (const slot of slots) {
    if (slot.leaves) slot.image = undefined
    slot.leaves = slot.bootNext
    slot.bootNext = false
  }
  if (boot.enabled === 'Once' && !readsContinuous) {
    boot.enabled = 'Disabled'
    boot.target = 'None'
  }
  const isFirst = serverBoot.first === 'VCD-DVD'
  if (serverBoot.once === 'Enabled') serverBoot.first = 'Normal'
  return next?.image ?? (armed || isFirst ? image : undefined)
}

function bootOf(body: Body): Readonly<Record<string, string>> {
  const boot = body['Boot']
  if (typeof boot !== 'object' || boot === null) return {}
  return Object.fromEntries(Object.entries(boot).map(([name, value]) => [name, String(value)]))
}

function checkPlace(at: 'system' | 'settings', change: Body, state: BmcState): Reply | undefined {
  const { boot, manager } = state.profile
  if (state.machine.power() === 'on' && takeOne(state, 'post')) {
    const text = 'The property cannot be modified while the system is in POST.'
    return refusal(state, { status: 400, id: 'iLO.2.14.UnableToModifyDuringSystemPOST', text })
  }
  if (boot.futureState && at === 'system') {
    const text = 'The operation is supported in the future state URI only.'
    return refusal(state, { status: 400, id: 'Ami.1.0.OperationSupportedInFutureStateURI', text })
  }
  const elsewhere = Object.keys(change).find((name) => (at === 'settings') !== boot.settings?.properties.includes(name))
  if (elsewhere === undefined || boot.settings === undefined || boot.futureState || manager.dell === undefined)
    return undefined
  if (at === 'settings' || boot.settings.properties.includes(elsewhere)) {
    const text = `The property ${elsewhere} is a read only property and cannot be assigned a value.`
    return refusal(state, { status: 400, id: 'PropertyNotWritable', text, args: [elsewhere] })
  }
  return undefined
}

function checkValues(change: Readonly<Record<string, string>>, state: BmcState): Reply | undefined {
  const { boot } = state.profile
  const missing = boot.full ? BOOT_PROPERTIES.find((name) => change[name] === undefined) : undefined
  if (missing !== undefined || Object.keys(change).length === 0) {
    const name = missing ?? 'Boot'
    const text = `The property ${name} is a required property and must be included in the request.`
    return refusal(state, { status: 400, id: 'PropertyMissing', text, args: [name] })
  }
  const target = change['BootSourceOverrideTarget']
  if (target !== undefined && !offeredTargets(state).includes(target)) {
    const text = `The value ${target} for the property BootSourceOverrideTarget is not in the list of acceptable values.`
    return refusal(state, {
      status: 400,
      id: 'PropertyValueNotInList',
      text,
      args: [target, 'BootSourceOverrideTarget'],
    })
  }
  return undefined
}
