import type { Profile } from '../profile.ts'

const RESETS = ['On', 'ForceOff', 'GracefulShutdown', 'GracefulRestart', 'ForceRestart', 'Nmi', 'ForceOn']
const TARGETS = ['None', 'Pxe', 'Hdd', 'Cd', 'BiosSetup', 'UsbCd', 'UefiUsbCd', 'UefiCd', 'UefiHdd']
const MANAGER = '/redfish/v1/Managers/1'

/** What X11 to X13 share: `{Image}` and nothing more, a task for it, and a slot that appears only with its medium. */
const BOARD: Omit<Profile, 'name' | 'title' | 'manager'> = {
  vendor: 'Supermicro',
  system: {
    path: '/redfish/v1/Systems/1',
    manufacturer: 'Supermicro',
    model: 'SYS-1029P-WTR',
    serialIn: 'SerialNumber',
    managersLink: 'ManagedBy',
  },
  sessions: 8,
  etags: 'strong',
  errors: {
    registry: 'Base.v1_4_0',
    shape: 'list',
    licence: {
      status: 403,
      id: 'SMC.1.0.OemLicenseNotPassed',
      text: 'Not licensed to perform this request. The following licenses SFT-OOB-LIC, SFT-DCMS-SINGLE were needed.',
    },
  },
  media: {
    path: `${MANAGER}/VirtualMedia`,
    linkedFrom: 'manager',
    slots: [{ id: 'CD1', mediaTypes: ['CD', 'DVD'] }],
    together: 1,
    appears: true,
    change: 'action',
    schemes: ['http', 'https'],
    takes: [],
    status: 202,
    eject: 'object',
    busyAfterEject: 1,
  },
  boot: { targets: TARGETS, virtualCd: ['UsbCd', 'UefiUsbCd'], slots: ['CD1', 'VirtualMedia1'], flipsToLegacy: true },
  power: { resets: RESETS },
}

/** Supermicro, from the oldest to the newest. */
export const SUPERMICRO: readonly Profile[] = [
  {
    ...BOARD,
    name: 'supermicro-x10',
    title: 'Supermicro X10, media over SMB only',
    system: { ...BOARD.system, model: 'SYS-1028R-WTR' },
    manager: { path: MANAGER, model: 'ASPEED', firmware: '3.90' },
    errors: { ...BOARD.errors, shape: 'object' },
    media: { ...BOARD.media, path: `${MANAGER}/VM1`, slots: [], change: 'smb' },
    boot: { ...BOARD.boot, slots: [] },
  },
  {
    ...BOARD,
    name: 'supermicro-x11',
    title: 'Supermicro X11',
    manager: { path: MANAGER, model: 'ASPEED', firmware: '1.74.09' },
    errors: { ...BOARD.errors, shape: 'object' },
  },
  {
    ...BOARD,
    name: 'supermicro-x12',
    title: 'Supermicro X12',
    system: { ...BOARD.system, model: 'SYS-120U-TNR' },
    manager: { path: MANAGER, model: 'ASPEED', firmware: '01.03.10' },
    media: { ...BOARD.media, slots: [{ id: 'VirtualMedia1', mediaTypes: ['CD', 'DVD'] }] },
  },
  {
    ...BOARD,
    name: 'supermicro-x13',
    title: 'Supermicro X13, the slot stays and keeps the name of its medium',
    system: { ...BOARD.system, model: 'SYS-121H-TNR' },
    manager: { path: MANAGER, model: 'ASPEED', firmware: '01.01.24' },
    media: {
      ...BOARD.media,
      slots: [{ id: 'VirtualMedia1', mediaTypes: ['CD', 'DVD'] }],
      appears: false,
      keepsName: true,
    },
  },
]
