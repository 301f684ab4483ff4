import type { Profile } from '../profile.ts'

const TARGETS = [
  'None',
  'Cd',
  'Hdd',
  'Usb',
  'SDCard',
  'Utilities',
  'Diags',
  'BiosSetup',
  'Pxe',
  'UefiShell',
  'UefiTarget',
]
const RESETS = ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart', 'Nmi', 'PushPowerButton', 'GracefulRestart']

const LICENCE = {
  status: 400,
  id: 'iLO.2.14.LicenseKeyRequired',
  text: 'This feature requires an iLO Advanced license key.',
}

const ILO: Omit<Profile, 'name' | 'title' | 'manager'> = {
  vendor: 'HPE',
  system: {
    path: '/redfish/v1/Systems/1',
    manufacturer: 'HPE',
    model: 'ProLiant DL360 Gen10',
    serialIn: 'SerialNumber',
    managersLink: 'ManagedBy',
  },
  sessions: 6,
  etags: 'weak',
  errors: { registry: 'iLO.2.14', shape: 'list', licence: LICENCE },
  media: {
    path: '/redfish/v1/Managers/1/VirtualMedia',
    linkedFrom: 'manager',
    // Numbered the other way round: the CD is 2, and 1 shows itself as a USB disk.
    slots: [
      { id: '1', mediaTypes: ['Floppy', 'USBStick'], suffix: /\.img$/ },
      { id: '2', mediaTypes: ['CD', 'DVD'], suffix: /\.iso$/ },
    ],
    together: 2,
    change: 'action',
    schemes: ['http', 'https'],
    takes: ['Inserted', 'WriteProtected', 'TransferProtocolType', 'UserName', 'Password'],
    status: 200,
    eject: 'object',
  },
  boot: { targets: TARGETS, virtualCd: ['Cd'], slots: ['2'] },
  // It waits at a prompt.
  power: { resets: RESETS, postLooks: 50 },
}

/** HPE, from the oldest to the newest. */
export const HPE: readonly Profile[] = [
  {
    ...ILO,
    name: 'ilo4',
    title: 'HPE iLO 4',
    vendor: 'HPE',
    system: { ...ILO.system, manufacturer: 'HP', model: 'ProLiant DL380 Gen9' },
    manager: { path: '/redfish/v1/Managers/1', model: 'iLO 4', firmware: 'iLO 4 v2.82', postState: true },
    media: { ...ILO.media, change: 'hp-action', takes: [] },
    boot: { targets: ['None', 'Floppy', 'Hdd', 'Usb', 'Pxe'], virtualCd: [], slots: ['2'] },
  },
  {
    ...ILO,
    name: 'ilo5',
    title: 'HPE iLO 5',
    manager: { path: '/redfish/v1/Managers/1', model: 'iLO 5', firmware: 'iLO 5 v2.96', postState: true },
  },
  {
    ...ILO,
    name: 'ilo6',
    title: 'HPE iLO 6',
    system: { ...ILO.system, model: 'ProLiant DL360 Gen11' },
    manager: { path: '/redfish/v1/Managers/1', model: 'iLO 6', firmware: 'iLO 6 v1.62', postState: true },
    media: { ...ILO.media, certificates: 4 },
  },
]
