/** How a machine is told to start the virtual CD once: Boot of ComputerSystem, or the vendor's own way. */
export type BootMethod = 'override' | 'dell-import' | 'dell-attributes' | 'hp-slot'

/** Where a BMC departs from the ComputerSystem and VirtualMedia schemas. The whole vendor table is laid as rows here. */
export interface Quirks {
  /** Values of BootSourceOverrideTarget that boot a virtual CD, best first; the BMC's own list decides which exists. */
  readonly cdBootTargets: readonly string[]
  /** Tried in this order. */
  readonly bootOnce: readonly BootMethod[]
  /** Send target, enabled and mode in every change of Boot, even when one of them is right already. */
  readonly fullBootPayload: boolean
  /** Once a system has run, leave a boot override that was not used up: a change after the OS wrote NVRAM does harm. */
  readonly keepBootOverride: boolean
  /** Boot settings are refused during POST, which may end at a prompt: they are made while the server is off. */
  readonly armsWhenOff: boolean
  /** After the server is off, this long until it takes the next order, in milliseconds. */
  readonly afterOffMs: number
  /** The property of ComputerSystem that DMI shows as the system's serial number. */
  readonly serialProperty: 'SerialNumber' | 'SKU'
  /** A second medium is refused, whatever the slots promise. */
  readonly oneMedium: boolean
  /** Ids of slots that are not listed while they are empty, best first. */
  readonly hiddenSlots: readonly string[]
  /** Ids of the only slots that firmware boots; `undefined` when any CD will do. */
  readonly bootSlots: readonly string[] | undefined
  /** Virtual media that stay detached (VRM0021), whatever is done, are free after a restart of the BMC. */
  readonly restartHelps: boolean
  /** Where a manager has its attributes when no link leads there. */
  readonly attributesBeside: string | undefined
  /** Media by HTTP are taken and by HTTPS are not, when the BMC does not list what it takes. */
  readonly plainMedia: boolean
}

export const STANDARD: Quirks = {
  cdBootTargets: ['Cd', 'UefiCd', 'UsbCd', 'UefiUsbCd'],
  bootOnce: ['override'],
  fullBootPayload: false,
  keepBootOverride: false,
  armsWhenOff: false,
  afterOffMs: 0,
  serialProperty: 'SerialNumber',
  oneMedium: false,
  hiddenSlots: [],
  bootSlots: undefined,
  restartHelps: false,
  attributesBeside: undefined,
  plainMedia: false,
}

/** Older iDRACs do not link their attributes (aiohmi). */
const DELL: Partial<Quirks> = { serialProperty: 'SKU', attributesBeside: 'Attributes', restartHelps: true }

/** Supermicro shows a slot while it holds a medium, and boots virtual CDs as USB CDs. */
const SUPERMICRO: Partial<Quirks> = {
  fullBootPayload: true,
  afterOffMs: 10_000,
  oneMedium: true,
  hiddenSlots: ['VirtualMedia1', 'CD1'],
}

interface QuirkRow {
  /** Compared with `vendor model`: the service root's vendor or the system's manufacturer, and the system's model. */
  readonly match: RegExp
  /** Compared with `model firmware` of the BMC itself. */
  readonly bmc?: RegExp
  readonly quirks: Partial<Quirks>
  /** How we know. */
  readonly seen: string
}

/** First match wins. */
const QUIRKS: readonly QuirkRow[] = [
  {
    match: /^dell/i,
    bmc: /^1[3-6]G\b.* [1-5]\.\d/,
    quirks: { ...DELL, oneMedium: true, bootOnce: ['dell-import', 'dell-attributes'] },
    seen: 'iDRAC 8 and 9 before 6.00: MaxSessions=1, and Cd is the physical drive (ironic, iDRAC-Redfish-Scripting#90)',
  },
  {
    match: /^dell/i,
    bmc: /^(1[7-9]|2\d)G\b/,
    quirks: { ...DELL, bootOnce: ['override', 'dell-import', 'dell-attributes'], bootSlots: ['1'] },
    seen: 'iDRAC 10: slot 2 takes a medium and is not booted (ironic bug 2125571, iDRAC-Redfish-Scripting#324)',
  },
  {
    match: /^dell/i,
    quirks: { ...DELL, bootOnce: ['override', 'dell-import', 'dell-attributes'] },
    seen: 'test/fixtures/redfish/idrac9: SKU is the service tag, which DMI shows; SerialNumber is the board',
  },
  {
    match: /^hp/i,
    bmc: /^iLO 4/,
    quirks: { bootOnce: ['hp-slot', 'override'], armsWhenOff: true },
    seen: 'HPE iLO 4: the slot itself is told to be booted',
  },
  {
    match: /^hp/i,
    quirks: { bootOnce: ['override', 'hp-slot'], armsWhenOff: true },
    seen: "HPE's own example: BootOnNextServerReset after the insert",
  },
  {
    match: /^/,
    bmc: /^OpenBmc/i,
    quirks: {},
    seen: 'GB200 of Supermicro and NVIDIA: two media, and none of the quirks of who sells it',
  },
  {
    match: /^(super ?micro|smci).*ARS-111GL-NHR/i,
    quirks: SUPERMICRO,
    seen: 'ironic: the one Supermicro that wants Cd',
  },
  {
    match: /^(super ?micro|smci)/i,
    quirks: { ...SUPERMICRO, cdBootTargets: ['UefiUsbCd', 'UsbCd', 'UefiCd', 'Cd', 'CD/DVD'] },
    seen: 'ironic redfish/boot.py and sushy: virtual CDs are USB CDs; the mode flips to Legacy when it is left out',
  },
  {
    match: /^lenovo.*SR6[35]5/i,
    quirks: { fullBootPayload: true, keepBootOverride: true },
    seen: 'SR635 and SR655 have the BMC of AMI',
  },
  {
    match: /^lenovo/i,
    bmc: /^Lenovo XClarity Controller (?!\d )/i,
    quirks: { keepBootOverride: true, plainMedia: true },
    seen: 'Lenovo: the first XCC mounts from HTTP and NFS, XCC2 from HTTPS too',
  },
  {
    match: /^lenovo/i,
    quirks: { keepBootOverride: true },
    seen: 'ironic bug 2053064: "Boot Option Restoration" screen',
  },
  { match: /^(ami|american megatrends|giga|asrock)/i, quirks: { fullBootPayload: true }, seen: 'sushy: AMI MegaRAC' },
]

/** The quirks of a machine by what it and its BMC say of themselves; unknown machines are held to the standard. */
export function quirksFor(vendor: string, model: string, bmc = ''): Quirks {
  const name = `${vendor.trim()} ${model.trim()}`
  const row = QUIRKS.find(({ match, bmc: wanted }) => match.test(name) && (wanted === undefined || wanted.test(bmc)))
  return { ...STANDARD, ...row?.quirks }
}
