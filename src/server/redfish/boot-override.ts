import { AppError } from '../../shared/errors.ts'
import { isOk, type RedfishAnswer, refused } from './answer.ts'
import type { BootMethodPart } from './boot-method.ts'
import { type BootTarget, findTarget } from './boot-target.ts'
import type { RedfishClient, Resource } from './client.ts'
import { deleteDellJob } from './dell-jobs.ts'
import type { Discovery } from './discover.ts'
import { hasMessage } from './messages.ts'
import type { Quirks } from './quirks.ts'
import { type Boot, parseBoot, parseSystem } from './resources.ts'

/** The properties of Boot that make an override. */
export interface BootChange {
  readonly BootSourceOverrideTarget?: string
  readonly BootSourceOverrideEnabled?: 'Once' | 'Disabled'
  readonly BootSourceOverrideMode?: string
  readonly UefiTargetBootSourceOverride?: string
}

/** Where Boot is: in the system, and in the settings object it takes changes through, if it has one. */
interface BootPlaces {
  readonly system: Resource
  readonly boot: Boot
  readonly settings: Resource | undefined
  readonly pending: Boot | undefined
}

/** Every target that is a CD, real or virtual. */
const CD_TARGET = /cd/i

/** The other object takes the property: iDRAC, and AMI's `OperationSupportedInFutureStateURI`. */
const ELSEWHERE = /(PropertyNotWritable|OperationSupportedInFutureStateURI)$/

/** Refusals that another change may be spared. */
const TELLS_OF_CHANGE = [400, 405, 409, 415, 422, 500, 501]

/** HPE: nothing is changed now, whatever it is. */
const IN_POST = /UnableToModifyDuringSystemPOST$/

/** BootSourceOverride of ComputerSystem (DSP0268 ComputerSystem, Boot). */
export function standardOverride(client: RedfishClient, discovery: Discovery): BootMethodPart {
  const { system, quirks } = discovery

  async function read(signal: AbortSignal): Promise<BootPlaces> {
    const now = parseSystem(await client.get(system.resource.path, signal))
    const settings = now.settings === undefined ? undefined : await client.find(now.settings, signal)
    return {
      system: now.resource,
      boot: now.boot,
      settings,
      pending: settings === undefined ? undefined : parseBoot(settings),
    }
  }

  /** The first change the BMC takes. What tries of this ladder have scheduled is taken back when it takes none. */
  async function change(what: string, ladder: readonly BootChange[], signal: AbortSignal): Promise<void> {
    let answer: RedfishAnswer | undefined
    const scheduled = new Set<string>()
    for (const wanted of ladder) {
      answer = await apply(client, await read(signal), wanted, (task) => scheduled.add(task), signal)
      if (isOk(answer)) return
      if (!TELLS_OF_CHANGE.includes(answer.status) || hasMessage(answer.messages, IN_POST)) break
    }
    for (const task of scheduled) await deleteDellJob(client, discovery, task, signal)
    if (answer !== undefined) throw refused(what, answer)
  }

  const targetOf = ({ boot, pending }: BootPlaces, signal: AbortSignal) =>
    findTarget(client, quirks, boot.targets ?? pending?.targets, boot.options, signal)

  return {
    async arm(signal) {
      const places = await read(signal)
      const wanted = await targetOf(places, signal)
      const { target } = wanted
      const set = () => change('set the boot override', armLadder(wanted, places, quirks), signal)
      await set()
      let now = await read(signal)
      if (quirks.fullBootPayload && isFlipped(now.boot)) {
        await set()
        now = await read(signal)
        if (isFlipped(now.boot)) {
          throw new AppError('redfish-answer', `Cannot boot by UEFI: the BMC sets the boot mode to ${now.boot.mode}`)
        }
      }
      // Enabled reads Continuous on sushy's emulator, and some BMCs use the override up early: the target alone counts.
      if (isSetTo(now.boot, target) || isSetTo(now.pending, target)) return target
      const state = now.boot.target ?? 'not told'
      throw new AppError(
        'redfish-answer',
        `Cannot set the boot override to ${target}: the BMC accepted it, but it is ${state}`,
      )
    },

    async describe(signal) {
      return (await targetOf(await read(signal), signal)).target
    },

    async isArmed(signal) {
      const { boot, pending } = await read(signal)
      return isArmed(boot) || isArmed(pending)
    },

    async clear(wasStarted, signal) {
      const places = await read(signal)
      if ((quirks.keepBootOverride && wasStarted) || (!isArmed(places.boot) && !isArmed(places.pending))) return
      await change('clear the boot override', clearLadder(places, quirks), signal)
    },
  }
}

/** Where there is no `None`, the disk is what a server boots by itself (sushy-emulator). */
function clearLadder({ boot, pending }: BootPlaces, quirks: Quirks): readonly BootChange[] {
  const offered = boot.targets ?? pending?.targets
  if (offered !== undefined && !offered.includes('None') && offered.includes('Hdd')) {
    return [{ BootSourceOverrideTarget: 'Hdd' }]
  }
  const whole = { BootSourceOverrideEnabled: 'Disabled', BootSourceOverrideTarget: 'None' } as const
  // As it was: a mode that is left out flips to Legacy.
  if (quirks.fullBootPayload) return [{ ...whole, BootSourceOverrideMode: boot.mode ?? 'UEFI' }]
  return [
    whole,
    { BootSourceOverrideEnabled: 'Disabled' },
    { BootSourceOverrideTarget: 'None' },
    { ...whole, BootSourceOverrideMode: 'UEFI' },
  ]
}

/** All three, then less: some BMCs refuse the mode, some take nothing but the target. */
function armLadder(
  { target, device }: BootTarget,
  { boot, pending }: BootPlaces,
  quirks: Quirks,
): readonly BootChange[] {
  const least = { BootSourceOverrideTarget: target, ...(device && { UefiTargetBootSourceOverride: device }) }
  const once = { ...least, BootSourceOverrideEnabled: 'Once' } as const
  const full: BootChange = { ...once, BootSourceOverrideMode: 'UEFI' }
  if (quirks.fullBootPayload) return [full]
  // A mode that is right already and lives in the other object is left alone: iDRAC makes a job of it that blocks others.
  const apart =
    pending !== undefined && placeOf('BootSourceOverrideMode', pending) !== placeOf('BootSourceOverrideTarget', pending)
  const rest = [once, least]
  return apart && boot.mode === 'UEFI' ? rest : [full, ...rest]
}

/** A property is sent to the settings object if it exists there, else to the system (sushy). */
function placeOf(property: string, pending: Boot): 'settings' | 'system' {
  return pending.properties.includes(property) ? 'settings' : 'system'
}

async function apply(
  client: RedfishClient,
  { system, settings, pending }: BootPlaces,
  wanted: BootChange,
  onScheduled: (task: string) => void,
  signal: AbortSignal,
): Promise<RedfishAnswer> {
  const send = (place: Resource, boot: BootChange) =>
    place === settings
      ? client.patchSettings(place, { Boot: boot }, signal)
      : client.patch(place, { Boot: boot }, signal)
  const parts = splitChange(wanted, pending)
  let answer: RedfishAnswer | undefined
  for (const [place, boot] of parts) {
    const [here, there] = place === 'settings' ? [settings, system] : [system, settings]
    if (here === undefined) continue
    answer = await send(here, boot)
    if (answer.status === 400 && hasMessage(answer.messages, ELSEWHERE) && there !== undefined) {
      answer = await send(there, boot)
    }
    if (!isOk(answer)) return answer
    if (answer.scheduled !== undefined) onScheduled(answer.scheduled)
  }
  if (answer === undefined) throw new Error('a boot change without properties')
  return answer
}

/** The change by place; the settings object first, because the target is what arms it. */
export function splitChange(
  wanted: BootChange,
  pending: Boot | undefined,
): readonly (readonly ['settings' | 'system', BootChange])[] {
  if (pending === undefined) return [['system', wanted]]
  const entries = Object.entries(wanted)
  const part = (place: 'settings' | 'system') =>
    Object.fromEntries(entries.filter(([name]) => placeOf(name, pending) === place)) as BootChange
  const parts = [['settings', part('settings')] as const, ['system', part('system')] as const]
  return parts.filter(([, change]) => Object.keys(change).length > 0)
}

/** Supermicro flips the mode to Legacy, and accepts it when it is asked again. */
function isFlipped({ mode }: Boot): boolean {
  return mode !== undefined && mode !== 'UEFI'
}

function isSetTo(boot: Boot | undefined, target: string): boolean {
  return boot?.target === target
}

/**
 * Armed until a boot has used it up; a box that does not say whether it is enabled is taken at its target. `UefiTarget` may
 * be any device: one that stays is the operator's.
 */
function isArmed(boot: Boot | undefined): boolean {
  if (boot?.target === 'UefiTarget') return boot.enabled === 'Once'
  return boot?.target !== undefined && CD_TARGET.test(boot.target) && boot.enabled !== 'Disabled'
}
