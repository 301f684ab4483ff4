import type { Profile } from '../profile.ts'

const TARGETS = ['None', 'Pxe', 'Floppy', 'Cd', 'Hdd', 'BiosSetup', 'Utilities', 'UefiTarget', 'SDCard', 'UefiHttp']
const RESETS = ['On', 'ForceOff', 'ForceRestart', 'GracefulRestart', 'GracefulShutdown', 'PushPowerButton', 'Nmi']
const SYSTEM = '/redfish/v1/Systems/System.Embedded.1'
const MANAGER = '/redfish/v1/Managers/iDRAC.Embedded.1'
const DISKS = ['CD', 'DVD', 'USBStick']

const LICENCE = {
  status: 403,
  id: 'IDRAC.2.8.LIC501',
  text: 'A required license is missing or expired. Obtain an appropriate license and try again.',
}

/** iDRAC 8, and iDRAC 9 before 6.00: one medium at a time, and `Cd` is the physical drive. */
const OLD: Omit<Profile, 'name' | 'title' | 'manager'> = {
  vendor: 'Dell',
  system: {
    path: SYSTEM,
    manufacturer: 'Dell Inc.',
    model: 'PowerEdge R640',
    serialIn: 'SKU',
    managersLink: 'ManagedBy',
  },
  sessions: 4,
  etags: 'none',
  errors: { registry: 'Base.1.5', shape: 'list', licence: LICENCE },
  media: {
    path: `${MANAGER}/VirtualMedia`,
    linkedFrom: 'manager',
    slots: [
      { id: 'RemovableDisk', mediaTypes: ['USBStick'], suffix: /\.img$/ },
      { id: 'CD', mediaTypes: ['CD', 'DVD'], suffix: /\.iso$/ },
    ],
    together: 1,
    change: 'action',
    schemes: ['http', 'https'],
    takes: ['Inserted', 'WriteProtected', 'TransferProtocolType', 'UserName', 'Password'],
    status: 204,
    eject: 'object',
    busyAfterEject: 1,
  },
  boot: { targets: TARGETS, virtualCd: [], slots: ['CD'] },
  power: { resets: RESETS },
}

/** Dell, from the oldest to the newest. */
export const DELL: readonly Profile[] = [
  {
    ...OLD,
    name: 'idrac8',
    title: 'Dell iDRAC 8',
    system: { ...OLD.system, model: 'PowerEdge R630' },
    manager: { path: MANAGER, model: '13G Monolithic', firmware: '2.75.75.75', dell: 'unlinked' },
  },
  {
    ...OLD,
    name: 'idrac9-5',
    title: 'Dell iDRAC 9, firmware before 6.00',
    manager: { path: MANAGER, model: '14G Monolithic', firmware: '5.10.30.00', dell: 'linked' },
  },
  {
    ...OLD,
    name: 'idrac9',
    title: 'Dell iDRAC 9, firmware 6.00 and later',
    system: { ...OLD.system, model: 'PowerEdge R760' },
    manager: { path: MANAGER, model: '16G Monolithic', firmware: '6.10.80.00', dell: 'linked' },
    media: {
      path: `${SYSTEM}/VirtualMedia`,
      linkedFrom: 'system',
      slots: [
        { id: '1', mediaTypes: DISKS },
        { id: '2', mediaTypes: DISKS },
      ],
      together: 2,
      change: 'action',
      schemes: ['http', 'https'],
      takes: ['Inserted', 'WriteProtected', 'TransferMethod', 'TransferProtocolType', 'UserName', 'Password'],
      status: 204,
      eject: 'object',
      busyAfterEject: 1,
      attachLooks: 2,
    },
    boot: {
      targets: TARGETS,
      virtualCd: ['Cd'],
      slots: ['1', '2'],
      settings: { path: `${SYSTEM}/Settings`, properties: ['BootSourceOverrideMode'], targets: false },
    },
  },
  {
    ...OLD,
    name: 'idrac10',
    title: 'Dell iDRAC 10',
    system: { ...OLD.system, model: 'PowerEdge R770' },
    manager: { path: MANAGER, model: '17G Monolithic', firmware: '1.20.50.50', dell: 'linked' },
    etags: 'quoted-weak',
    media: {
      ...OLD.media,
      path: `${SYSTEM}/VirtualMedia`,
      linkedFrom: 'system',
      slots: [
        { id: '2', mediaTypes: DISKS },
        { id: '1', mediaTypes: DISKS },
      ],
      together: 2,
      attachLooks: 2,
      certificates: 1,
    },
    boot: {
      targets: TARGETS,
      virtualCd: ['Cd'],
      slots: ['1'],
      settings: {
        path: `${SYSTEM}/Settings`,
        properties: ['BootSourceOverrideTarget', 'BootSourceOverrideEnabled', 'BootSourceOverrideMode'],
        targets: true,
      },
      ifMatch: true,
    },
    power: { resets: RESETS, conflictsAfterOff: 3 },
  },
]
