import type { BmcState, SlotState } from './state.ts'

export const ROOT = '/redfish/v1'
export const SYSTEM = `${ROOT}/Systems/1`
export const MANAGER = `${ROOT}/Managers/1`
export const SESSIONS = `${ROOT}/SessionService/Sessions`
export const TASKS = `${ROOT}/TaskService/Tasks`
export const MEDIA = `${MANAGER}/VirtualMedia`

export const BOOT_TARGETS = ['None', 'Cd', 'Hdd', 'Usb', 'Pxe', 'BiosSetup', 'UefiTarget']
export const RESET_TYPES = ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart']

/** The resource at a path, in the shape of the recorded BMCs; `undefined` when there is none. */
export function resourceAt(path: string, state: BmcState): Readonly<Record<string, unknown>> | undefined {
  switch (path) {
    case ROOT:
      return serviceRoot(state)
    case `${ROOT}/Systems`:
      return collection(path, 'ComputerSystemCollection', [SYSTEM])
    case `${ROOT}/Managers`:
      return collection(path, 'ManagerCollection', [MANAGER])
    case `${ROOT}/SessionService`:
      return resource(path, 'SessionService.v1_1_8', { SessionTimeout: 1800, Sessions: link(SESSIONS) })
    case SYSTEM:
      return system(state)
    case MANAGER:
      return manager()
    case MEDIA:
      return collection(
        path,
        'VirtualMediaCollection',
        state.slots.map(({ id }) => `${MEDIA}/${id}`),
      )
  }
  const slot = state.slots.find(({ id }) => path === `${MEDIA}/${id}`)
  if (slot !== undefined) return virtualMedia(path, slot)
  return taskAt(path, state)
}

function serviceRoot({ uuid }: BmcState) {
  return resource(ROOT, 'ServiceRoot.v1_5_0', {
    Id: 'RootService',
    Name: 'Root Service',
    RedfishVersion: '1.15.1',
    UUID: uuid,
    Vendor: 'Provisioner Lab',
    Systems: link(`${ROOT}/Systems`),
    Managers: link(`${ROOT}/Managers`),
    SessionService: link(`${ROOT}/SessionService`),
    Tasks: link(`${ROOT}/TaskService`),
    Links: { Sessions: link(SESSIONS) },
  })
}

function system({ machine, serial, uuid, boot }: BmcState) {
  return resource(SYSTEM, 'ComputerSystem.v1_18_0', {
    Id: '1',
    Name: 'Computer System',
    Manufacturer: 'Provisioner Lab',
    Model: 'Virtual Server',
    SerialNumber: serial,
    SKU: 'LAB-1',
    UUID: uuid,
    SystemType: 'Physical',
    PowerState: machine.power() === 'on' ? 'On' : 'Off',
    Status: { Health: 'OK', State: 'Enabled' },
    Boot: {
      BootSourceOverrideEnabled: boot.enabled,
      BootSourceOverrideMode: boot.mode,
      BootSourceOverrideTarget: boot.target,
      'BootSourceOverrideTarget@Redfish.AllowableValues': BOOT_TARGETS,
      UefiTargetBootSourceOverride: null,
    },
    Links: { ManagedBy: [link(MANAGER)], Chassis: [link(`${ROOT}/Chassis/1`)] },
    Actions: {
      '#ComputerSystem.Reset': {
        target: `${SYSTEM}/Actions/ComputerSystem.Reset`,
        'ResetType@Redfish.AllowableValues': RESET_TYPES,
      },
    },
  })
}

function manager() {
  return resource(MANAGER, 'Manager.v1_5_1', {
    Id: '1',
    Name: 'Manager',
    ManagerType: 'BMC',
    Model: 'Virtual BMC',
    FirmwareVersion: '1.0.0',
    Links: { ManagerForServers: [link(SYSTEM)] },
    VirtualMedia: link(MEDIA),
  })
}

function virtualMedia(path: string, { id, mediaTypes, image }: SlotState) {
  return resource(path, 'VirtualMedia.v1_3_2', {
    Id: id,
    Name: 'Virtual Removable Media',
    MediaTypes: mediaTypes,
    Image: image ?? null,
    ImageName: image?.split('/').at(-1) ?? null,
    Inserted: image !== undefined,
    ConnectedVia: image === undefined ? 'NotConnected' : 'URI',
    WriteProtected: true,
    Actions: {
      '#VirtualMedia.InsertMedia': { target: `${path}/Actions/VirtualMedia.InsertMedia` },
      '#VirtualMedia.EjectMedia': { target: `${path}/Actions/VirtualMedia.EjectMedia` },
    },
  })
}

/** A task runs for one look and is complete at the second, as if the first had come too early. */
function taskAt(path: string, { tasks }: BmcState) {
  const task = tasks.get(path)
  if (task === undefined) return undefined
  task.looks++
  const done = task.looks > 1
  return resource(path, 'Task.v1_4_3', {
    Id: path.split('/').at(-1),
    Name: 'Task',
    TaskState: done ? 'Completed' : 'Running',
    TaskStatus: 'OK',
    Messages: [],
  })
}

function collection(path: string, type: string, members: readonly string[]) {
  return {
    '@odata.id': path,
    '@odata.type': `#${type}.${type}`,
    Name: type,
    Members: members.map(link),
    'Members@odata.count': members.length,
  }
}

function resource(path: string, type: string, properties: Readonly<Record<string, unknown>>) {
  return { '@odata.id': path, '@odata.type': `#${type}.${type.split('.')[0]}`, ...properties }
}

function link(path: string) {
  return { '@odata.id': path }
}
