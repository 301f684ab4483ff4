/** Where a BMC departs from the ComputerSystem and VirtualMedia schemas. The whole vendor table is laid as rows here. */
export interface Quirks {
  /** Values of BootSourceOverrideTarget that boot a virtual CD, best first; the BMC's own list decides which exists. */
  readonly cdBootTargets: readonly string[]
  /** Send target, enabled and mode in every change of Boot, even when one of them is right already. */
  readonly fullBootPayload: boolean
  /** Leave a boot override that was not used up: a change after the OS wrote NVRAM does harm. */
  readonly keepBootOverride: boolean
  /** After the server is off, this long until it takes the next order, in milliseconds. */
  readonly afterOffMs: number
  /** The property of ComputerSystem that DMI shows as the system's serial number. */
  readonly serialProperty: 'SerialNumber' | 'SKU'
}

export const STANDARD: Quirks = {
  cdBootTargets: ['Cd', 'UefiCd', 'UsbCd', 'UefiUsbCd'],
  fullBootPayload: false,
  keepBootOverride: false,
  afterOffMs: 0,
  serialProperty: 'SerialNumber',
}

interface QuirkRow {
  /** Compared with `vendor model`: the service root's vendor or the system's manufacturer, and the system's model. */
  readonly match: RegExp
  readonly quirks: Partial<Quirks>
  /** How we know. */
  readonly seen: string
}

/** First match wins. */
export const QUIRKS: readonly QuirkRow[] = [
  {
    match: /^dell/i,
    quirks: { serialProperty: 'SKU' },
    seen: 'test/fixtures/redfish/idrac9: SKU is the service tag, which DMI shows; SerialNumber is the board',
  },
  {
    match: /^(super ?micro|smci).*ARS-111GL-NHR/i,
    quirks: { fullBootPayload: true, afterOffMs: 10_000 },
    seen: 'ironic: the one Supermicro that wants Cd',
  },
  {
    match: /^(super ?micro|smci)/i,
    quirks: {
      cdBootTargets: ['UefiUsbCd', 'UsbCd', 'UefiCd', 'Cd', 'CD/DVD'],
      fullBootPayload: true,
      afterOffMs: 10_000,
    },
    seen: 'ironic redfish/boot.py and sushy: virtual CDs are USB CDs; the mode flips to Legacy when it is left out',
  },
  {
    match: /^lenovo/i,
    quirks: { keepBootOverride: true },
    seen: 'ironic bug 2053064: "Boot Option Restoration" screen',
  },
  { match: /^(ami|american megatrends|giga|asrock)/i, quirks: { fullBootPayload: true }, seen: 'sushy: AMI MegaRAC' },
]

/** The quirks of a machine by what it says of itself; unknown machines are held to the standard. */
export function quirksFor(vendor: string, model: string): Quirks {
  const name = `${vendor.trim()} ${model.trim()}`
  return { ...STANDARD, ...QUIRKS.find((row) => row.match.test(name))?.quirks }
}
