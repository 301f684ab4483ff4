import { offeredTargets } from './boot.ts'
import { bootOptionsPath, link } from './paths.ts'
import { BOOT_PROPERTIES } from './profile.ts'
import { type BmcState, takeOne } from './state.ts'

type Document = Readonly<Record<string, unknown>>

const TARGETS = 'BootSourceOverrideTarget@Redfish.AllowableValues'

/** The ComputerSystem. */
export function computer(state: BmcState): Document {
  const { profile, uuid } = state
  const { system, manager, media, boot, power } = profile
  const serial = state.faults.has('wrong-serial') ? 'OTHER-1' : state.serial
  const onBoard = `CN${serial}`
  return {
    '@odata.id': system.path,
    '@odata.type': '#ComputerSystem.v1_18_0.ComputerSystem',
    Id: system.path.split('/').at(-1),
    Name: 'System',
    SystemType: 'Physical',
    Manufacturer: system.manufacturer,
    Model: system.model,
    SerialNumber: system.serialIn === 'SerialNumber' ? serial : onBoard,
    SKU: system.serialIn !== 'SKU' ? 'P19766-B21' : takeOne(state, 'serial') ? null : serial,
    UUID: uuid,
    PowerState: shownPower(state),
    Status: { Health: 'OK', State: 'Enabled' },
    Boot: systemBoot(state),
    Links: { [system.managersLink]: [link(manager.path)], Chassis: [link('/redfish/v1/Chassis/1')] },
    ...(media.linkedFrom === 'system' && { VirtualMedia: link(media.path) }),
    ...(boot.settings && { '@Redfish.Settings': { SettingsObject: link(boot.settings.path) } }),
    ...(manager.postState && { Oem: { Hpe: { PostState: postState(state) } } }),
    Actions: {
      '#ComputerSystem.Reset': {
        target: `${system.path}/Actions/ComputerSystem.Reset`,
        'ResetType@Redfish.AllowableValues': power.resets,
      },
    },
  }
}

/** What will be after the next reset; only what this box keeps there. */
export function settings(state: BmcState): Document {
  const { profile, boot } = state
  const rules = profile.boot.settings
  const values = {
    BootSourceOverrideTarget: boot.target,
    BootSourceOverrideEnabled: boot.enabled,
    BootSourceOverrideMode: null,
  }
  return {
    '@odata.id': rules?.path,
    '@odata.type': '#ComputerSystem.v1_18_0.ComputerSystem',
    Id: rules?.path.split('/').at(-1),
    Name: 'System',
    Boot: {
      ...Object.fromEntries(
        BOOT_PROPERTIES.filter((one) => rules?.properties.includes(one)).map((one) => [one, values[one]]),
      ),
      ...(rules?.targets && { [TARGETS]: offeredTargets(state) }),
    },
  }
}

function systemBoot(state: BmcState): Document {
  const { profile, boot } = state
  const { settings: apart, readsContinuous } = profile.boot
  return {
    BootSourceOverrideEnabled: readsContinuous ? 'Continuous' : boot.enabled,
    BootSourceOverrideMode: boot.mode,
    BootSourceOverrideTarget: boot.target,
    UefiTargetBootSourceOverride: boot.device,
    BootOptions: link(bootOptionsPath(profile)),
    ...(apart?.targets !== true && { [TARGETS]: offeredTargets(state) }),
  }
}

/** The old state for one look after a change. */
function shownPower({ machine, left }: BmcState): string {
  const now = machine.power() === 'on' ? 'On' : 'Off'
  const stale = left.get('power') ?? 0
  if (stale <= 0) return now
  left.set('power', stale - 1)
  return now === 'On' ? 'PoweringOn' : 'PoweringOff'
}

function postState({ machine, left }: BmcState): string {
  if (machine.power() === 'off') return 'PowerOff'
  return (left.get('post') ?? 0) > 0 ? 'InPost' : 'FinishedPost'
}
