import { VIRTUAL_CD_PATH } from './boot.ts'
import { computer, settings } from './documents-system.ts'
import { dellAttributesPath, dellImportPath, dellJobServicePath } from './oem-paths.ts'
import {
  bootOptionsPath,
  CERTIFICATE_SERVICE,
  link,
  MANAGERS,
  ROOT,
  SESSION_SERVICE,
  SESSIONS,
  SYSTEMS,
  TASKS,
} from './paths.ts'
import { type BmcState, type SlotState, takeOne } from './state.ts'
import { trustAt, trustOf } from './trust.ts'

export type Document = Readonly<Record<string, unknown>>

const BOOT_OPTIONS = [
  ['Boot0000', 'Linux', 'HD(1,GPT,9F7A5582-531E-4E5E-A01A-73D419880022,0x40,0x32000)'],
  ['Boot0001', 'Generic USB Boot', 'UsbClass(0xFFFF,0xFFFF,0xFF,0xFF,0xFF)'],
  ['Boot0002', 'Virtual Optical Drive', VIRTUAL_CD_PATH],
] as const

/** The wrong clock of the fault `wrong-clock` is behind by this, in milliseconds. */
const BEHIND_MS = 3 * 86_400_000

/** The resource at a path, in the shape of the recorded BMCs; `undefined` when there is none. */
export function documentAt(path: string, state: BmcState): Document | undefined {
  const { system, manager, media, boot, sessions } = state.profile
  switch (path) {
    case ROOT:
      return serviceRoot(state)
    case SYSTEMS:
      return collection(path, 'ComputerSystemCollection', takeOne(state, 'systems') ? [] : systemPaths(state))
    case MANAGERS:
      return collection(path, 'ManagerCollection', [manager.path])
    case SESSION_SERVICE:
      return sessions === 0 ? undefined : resource(path, 'SessionService.v1_1_8', { Sessions: link(SESSIONS) })
    case system.path:
      return computer(state)
    case boot.settings?.path:
      return settings(state)
    case manager.path:
      return bmc(state)
    case media.path:
      return mediaCollection(state)
    case bootOptionsPath(state.profile):
      return collection(
        path,
        'BootOptionCollection',
        BOOT_OPTIONS.map(([id]) => `${path}/${id}`),
      )
    case dellAttributesPath(state.profile):
      return resource(path, 'DellAttributes.v1_0_0', { Attributes: attributes(state) })
  }
  const option = BOOT_OPTIONS.find(([id]) => path === `${bootOptionsPath(state.profile)}/${id}`)
  if (option !== undefined) {
    return resource(path, 'BootOption.v1_0_4', { DisplayName: option[1], UefiDevicePath: option[2] })
  }
  if (system.boards?.includes(path)) return resource(path, 'ComputerSystem.v1_18_0', { Name: 'GPU board' })
  const trust = trustAt(path, state)
  if (trust !== undefined) return resource(path, ...trust)
  const slot = state.slots.find((candidate) => candidate.path === path && isShown(candidate, state))
  return slot === undefined ? taskAt(path, state) : virtualMedia(slot, state)
}

function systemPaths({ profile: { system } }: BmcState): readonly string[] {
  return [...(system.boards ?? []), system.path]
}

/** Supermicro's members are there only with their medium, AMI's only when media are on. */
export function isShown(slot: SlotState, { profile, mediaOn, slots, cds }: BmcState): boolean {
  return mediaOn && slots.indexOf(slot) < cds && (profile.media.appears !== true || slot.image !== undefined)
}

export function resource(path: string, type: string, properties: Document): Document {
  const [name] = type.split('.')
  return { '@odata.id': path, '@odata.type': `#${type}.${name}`, Id: path.split('/').at(-1), ...properties }
}

function attributes({ attached, serverBoot, slots, profile }: BmcState): Document {
  const shares = slots.filter(() => profile.media.attachLooks !== undefined)
  const states = shares.map((slot) => {
    const isAttached = slot.image !== undefined && slot.attachLooks-- <= 0
    return [`RFS.${slot.rules.id}.MediaAttachState`, isAttached ? 'Attached' : 'Detached'] as const
  })
  return {
    ...Object.fromEntries(states),
    'VirtualMedia.1.Attached': attached ? 'Attached' : 'Detached',
    'ServerBoot.1.BootOnce': serverBoot.once,
    'ServerBoot.1.FirstBootDevice': serverBoot.first,
  }
}

function collection(path: string, type: string, members: readonly string[]): Document {
  return {
    '@odata.id': path,
    '@odata.type': `#${type}.${type}`,
    Name: type,
    Members: members.map(link),
    'Members@odata.count': members.length,
  }
}

function serviceRoot({ profile, uuid }: BmcState): Document {
  return {
    '@odata.id': ROOT,
    '@odata.type': '#ServiceRoot.v1_11_0.ServiceRoot',
    Id: 'RootService',
    Name: 'Root Service',
    RedfishVersion: '1.11.0',
    UUID: uuid,
    ...(profile.vendor !== undefined && { Vendor: profile.vendor }),
    Product: profile.manager.model,
    Systems: link(SYSTEMS),
    Managers: link(MANAGERS),
    Tasks: link(`${ROOT}/TaskService`),
    ...(profile.media.certificates !== undefined && { CertificateService: link(CERTIFICATE_SERVICE) }),
    ...(profile.sessions > 0 && { SessionService: link(SESSION_SERVICE), Links: { Sessions: link(SESSIONS) } }),
  }
}

function bmc(state: BmcState): Document {
  const { manager, system, media, vendor } = state.profile
  const now = new Date(state.now().getTime() - (state.faults.has('wrong-clock') ? BEHIND_MS : 0))
  const importing = dellImportPath(state.profile)
  return resource(manager.path, 'Manager.v1_11_0', {
    Name: 'Manager',
    ManagerType: 'BMC',
    Model: manager.model,
    FirmwareVersion: manager.firmware,
    DateTime: now.toISOString().replace(/\.\d+Z$/, '+00:00'),
    DateTimeLocalOffset: '+00:00',
    Links: {
      ManagerForServers: [link(system.path)],
      ...(manager.dell !== undefined && { Oem: { Dell: dellLinks(state.profile) } }),
    },
    ...(media.linkedFrom === 'manager' && { VirtualMedia: link(media.path) }),
    Actions: {
      '#Manager.Reset': {
        target: `${manager.path}/Actions/Manager.Reset`,
        'ResetType@Redfish.AllowableValues': ['GracefulRestart'],
      },
      Oem: {
        ...(importing !== undefined && {
          'OemManager.v1_2_0#OemManager.ImportSystemConfiguration': { target: importing },
        }),
        ...(manager.cds !== undefined && {
          '#AMIVirtualMedia.ConfigureCDInstance': {
            target: `${manager.path}/Actions/Oem/AMIVirtualMedia.ConfigureCDInstance`,
          },
        }),
        ...(manager.enableMedia && {
          '#AMIVirtualMedia.EnableRMedia': { target: `${manager.path}/Actions/Oem/AMIVirtualMedia.EnableRMedia` },
        }),
      },
    },
    ...(vendor !== undefined && { Oem: { [vendor]: {} } }),
  })
}

function dellLinks(profile: BmcState['profile']): Document {
  const attributesPath = dellAttributesPath(profile)
  return {
    DellJobService: link(dellJobServicePath(profile)),
    ...(attributesPath !== undefined &&
      profile.manager.dell === 'linked' && { DellAttributes: [link(attributesPath)] }),
  }
}

function mediaCollection(state: BmcState): Document {
  const { media } = state.profile
  const isLate = state.mediaOn && takeOne(state, 'slots')
  const members = isLate ? [] : state.slots.filter((slot) => isShown(slot, state)).map(({ path }) => path)
  const smb = media.change === 'smb' && { Supermicro: { VirtualMediaConfig: link(`${media.path}/CfgCD`) } }
  return { ...collection(media.path, 'VirtualMediaCollection', members), ...(smb && { Oem: smb }) }
}

function virtualMedia(slot: SlotState, state: BmcState): Document {
  const { path, rules, leftover, bootNext, stale } = slot
  const { profile, faults } = state
  const image = stale.looks-- > 0 ? stale.image : slot.image
  const shown = shownImage(image ?? leftover, faults)
  const inserted = image !== undefined || (leftover !== undefined && faults.has('still-shown'))
  const { change } = profile.media
  return resource(path, 'VirtualMedia.v1_3_2', {
    Name: 'Virtual Removable Media',
    MediaTypes: rules.mediaTypes,
    Image: shown ?? null,
    ImageName: shown?.split('/').at(-1) ?? null,
    Inserted: inserted,
    ConnectedVia: inserted ? 'URI' : 'NotConnected',
    WriteProtected: true,
    ...(slot.ejectPolicy !== undefined && { EjectPolicy: slot.ejectPolicy }),
    ...trustOf(slot, state),
    ...(change === 'action' && rules.takes !== 'none' && { Actions: standardActions(path, profile.media) }),
    ...(change === 'action' && profile.manager.postState && { Oem: { Hpe: { BootOnNextServerReset: bootNext } } }),
    ...(change === 'hp-action' && { Oem: { Hp: { BootOnNextServerReset: bootNext, Actions: hpActions(path) } } }),
    ...(change === 'huawei-action' && { Oem: { Huawei: { Actions: huaweiActions(path) } } }),
  })
}

function shownImage(image: string | undefined, faults: BmcState['faults']): string | undefined {
  if (faults.has('untold')) return undefined
  return faults.has('name-only') ? image?.split('/').at(-1) : image
}

function standardActions(path: string, { allowableProtocols }: BmcState['profile']['media']): Document {
  return {
    '#VirtualMedia.InsertMedia': {
      target: `${path}/Actions/VirtualMedia.InsertMedia`,
      ...(allowableProtocols && { 'TransferProtocolType@Redfish.AllowableValues': allowableProtocols }),
    },
    '#VirtualMedia.EjectMedia': { target: `${path}/Actions/VirtualMedia.EjectMedia` },
  }
}

function hpActions(path: string): Document {
  const target = (action: string) => ({ target: `${path}/Actions/Oem/Hp/HpiLOVirtualMedia.${action}` })
  return {
    '#HpiLOVirtualMedia.InsertVirtualMedia': target('InsertVirtualMedia'),
    '#HpiLOVirtualMedia.EjectVirtualMedia': target('EjectVirtualMedia'),
  }
}

function huaweiActions(path: string): Document {
  return { '#VirtualMedia.VmmControl': { target: `${path}/Oem/Huawei/Actions/VirtualMedia.VmmControl` } }
}

/** A task runs for one look and has ended at the second; Dell's is not even known at the first. */
function taskAt(path: string, { tasks, profile }: BmcState): Document | undefined {
  // Huawei's monitor tells nothing of the task.
  if (path.endsWith('/Monitor') && tasks.has(path.slice(0, -'/Monitor'.length))) return { Name: 'Monitor' }
  const task = path.startsWith(TASKS) ? tasks.get(path) : undefined
  if (task === undefined) return undefined
  task.looks++
  if (profile.manager.dell && task.looks === 1) return undefined
  const scheduled = task.atReset !== undefined
  const done = !scheduled && task.looks > (profile.manager.dell ? 2 : 1)
  const failed = task.failure?.body
  const messages = (failed as { error?: { '@Message.ExtendedInfo'?: unknown } } | undefined)?.error?.[
    '@Message.ExtendedInfo'
  ]
  return resource(path, 'Task.v1_4_3', {
    Name: 'Task',
    TaskState: done ? (failed === undefined ? 'Completed' : 'Exception') : scheduled ? 'Pending' : 'Running',
    TaskStatus: done && failed !== undefined ? 'Critical' : 'OK',
    Messages: done && messages !== undefined ? [messages].flat() : [],
  })
}
