import type { Profile, SlotRules } from '../profile.ts'

const TARGETS = ['None', 'Pxe', 'Cd', 'Usb', 'Hdd', 'BiosSetup', 'Diags', 'UefiTarget']
const RESETS = ['On', 'Nmi', 'GracefulShutdown', 'GracefulRestart', 'ForceOn', 'ForceOff', 'ForceRestart']
const SYSTEM = '/redfish/v1/Systems/1'
const MANAGER = '/redfish/v1/Managers/1'

/** The BMC's own memory and the remote console come first and take no URL. */
const SLOTS: readonly SlotRules[] = ['RDOC1', 'RDOC2', 'Remote1', 'Remote2', 'EXT2', 'EXT1', 'EXT3', 'EXT4'].map(
  (id) => ({ id, mediaTypes: null }),
)

const XCC: Omit<Profile, 'name' | 'title' | 'manager'> = {
  vendor: 'Lenovo',
  system: {
    path: SYSTEM,
    manufacturer: 'Lenovo',
    model: 'ThinkSystem SR650',
    serialIn: 'SerialNumber',
    managersLink: 'ManagedBy',
  },
  sessions: 16,
  etags: 'strong',
  errors: {
    registry: 'Base.1.8',
    shape: 'list',
    licence: {
      status: 403,
      id: 'ExtendedError.1.2.LicenseError',
      text: 'An XCC Enterprise licence is needed to mount remote media.',
    },
  },
  media: {
    path: `${MANAGER}/VirtualMedia`,
    linkedFrom: 'manager',
    slots: SLOTS,
    together: 4,
    change: 'patch',
    schemes: ['http'],
    takes: ['Inserted', 'WriteProtected', 'TransferProtocolType', 'TransferMethod', 'UserName', 'Password'],
    demands: ['Inserted'],
    status: 200,
    eject: 'any',
  },
  boot: { targets: TARGETS, virtualCd: ['Cd'], slots: ['EXT1'], ifMatch: true, restorationScreen: true },
  power: { resets: RESETS },
}

/** Lenovo's own BMCs; SR635 and SR655 have AMI's. */
export const LENOVO: readonly Profile[] = [
  {
    ...XCC,
    name: 'xcc',
    title: 'Lenovo XCC, media by HTTP alone',
    manager: { path: MANAGER, model: 'Lenovo XClarity Controller', firmware: 'CDI3A8N 9.40' },
  },
  {
    ...XCC,
    name: 'xcc2',
    title: 'Lenovo XCC2',
    system: { ...XCC.system, model: 'ThinkSystem SR650 V3' },
    manager: { path: MANAGER, model: 'Lenovo XClarity Controller 2', firmware: 'ESX315N 3.10' },
    media: {
      ...XCC.media,
      path: `${SYSTEM}/VirtualMedia`,
      linkedFrom: 'system',
      schemes: ['http', 'https'],
      takes: [...XCC.media.takes, 'VerifyCertificate'],
    },
  },
]
