/**
 * One kind of BMC as a simulator plays it. A profile is data: what is where, what is demanded and what is refused. Delays
 * are counted in looks (requests that find the old state), so that a test needs no time for them.
 */
export interface Profile {
  /** As in `--simulate NAME`. */
  readonly name: string
  readonly title: string
  /** `Vendor` of the service root. */
  readonly vendor?: string
  readonly system: SystemRules
  readonly manager: ManagerRules
  /** Sessions at the same time; 0 means there is no session service and Basic is used. */
  readonly sessions: number
  readonly etags: 'weak' | 'strong' | 'quoted-weak' | 'none'
  readonly errors: ErrorRules
  readonly media: MediaRules
  readonly boot: BootRules
  readonly power: PowerRules
}

export interface SystemRules {
  readonly path: string
  readonly manufacturer: string
  readonly model: string
  /** Where the serial number that DMI shows is. */
  readonly serialIn: 'SerialNumber' | 'SKU'
  /** Boards that are systems too, and have no power to switch. */
  readonly boards?: readonly string[]
  /** Huawei 1288H calls the link `Managers`. */
  readonly managersLink: 'ManagedBy' | 'Managers'
}

export interface ManagerRules {
  readonly path: string
  readonly model: string
  readonly firmware: string
  /** Dell: attributes, which older ones do not link, and the job of an imported configuration. */
  readonly dell?: 'linked' | 'unlinked'
  /** AMI: media are off until the action `EnableRMedia`, and some looks longer. */
  readonly enableMedia?: boolean
  /** AMI: so many slots there are until the action `ConfigureCDInstance` says another number. */
  readonly cds?: number
  /** iLO: tells the state of the server's POST. */
  readonly postState?: boolean
}

export interface ErrorRules {
  /** Front of a message id: `IDRAC.2.8`. */
  readonly registry: string
  /** `object`: ExtendedInfo is no list (old Supermicro); `plain`: no ExtendedInfo at all (OpenBMC). */
  readonly shape: 'list' | 'object' | 'plain'
  /** What is said when the licence for virtual media is missing. */
  readonly licence: { readonly status: number; readonly id: string; readonly text: string }
}

export interface MediaRules {
  readonly path: string
  readonly linkedFrom: 'system' | 'manager'
  /** In the order of the collection, which means nothing. */
  readonly slots: readonly SlotRules[]
  /** Media inserted at the same time. */
  readonly together: number
  /** Members are there only while they hold a medium (Supermicro). */
  readonly appears?: boolean
  readonly change: 'action' | 'patch' | 'hp-action' | 'huawei-action' | 'smb'
  /** Schemes of the URL. */
  readonly schemes: readonly string[]
  /** Parameters beside `Image`: what is taken, and what must be there. */
  readonly takes: readonly string[]
  readonly demands?: readonly string[]
  readonly status: 200 | 202 | 204
  /** What EjectMedia wants as its body. */
  readonly eject: 'any' | 'object' | 'none'
  /** Image and ImageName stay after an eject; ConnectedVia tells the truth. */
  readonly keepsName?: boolean
  /** Inserts refused after an eject, one after the other. */
  readonly busyAfterEject?: number
  /** An old name under which the slot takes media, although it shows itself under its own. */
  readonly insertsAs?: string
  /** Looks at the attributes until an inserted medium is attached (iDRAC from 6.00). */
  readonly attachLooks?: number
  /** `InsertMedia` reads the whole medium before it answers. */
  readonly readsAll?: boolean
  readonly allowableProtocols?: readonly string[]
  /** A slot has a store for as many certificates, and verifies with them when told (VirtualMedia 1.4.0). */
  readonly certificates?: number
}

export interface SlotRules {
  readonly id: string
  /** `null` is what some XCC say. */
  readonly mediaTypes: readonly string[] | null
  /** `none`: shown without an action; `405`: with one that is refused. */
  readonly takes?: 'none' | '405'
  /** Name of an image that it accepts. */
  readonly suffix?: RegExp
}

export interface BootRules {
  readonly targets: readonly string[]
  /** Targets that start the virtual CD; `Cd` is the physical drive on old iDRACs. */
  readonly virtualCd: readonly string[]
  /** Slots that the firmware starts, best first. */
  readonly slots: readonly string[]
  /** Properties of Boot that live in the settings object. */
  readonly settings?: { readonly path: string; readonly properties: readonly string[]; readonly targets: boolean }
  /** A PATCH without the right If-Match is refused: 428 or 412. */
  readonly ifMatch?: boolean
  /** All three properties in every change (AMI). */
  readonly full?: boolean
  /** Refuses a PATCH of the system and names the future state (AMI). */
  readonly futureState?: boolean
  /** Reads `Continuous` whatever was set (sushy-emulator). */
  readonly readsContinuous?: boolean
  /** A change without BootSourceOverrideMode flips it to Legacy (Supermicro). */
  readonly flipsToLegacy?: boolean
  /** A boot change after a system wrote NVRAM ends in a menu that waits for a person (Lenovo). */
  readonly restorationScreen?: boolean
}

export const BOOT_PROPERTIES = [
  'BootSourceOverrideTarget',
  'BootSourceOverrideEnabled',
  'BootSourceOverrideMode',
] as const

export interface PowerRules {
  readonly resets: readonly string[]
  /** Answers of 409 to On after an off (iDRAC 10). */
  readonly conflictsAfterOff?: number
  /** Boot changes refused during POST after a power on (iLO). */
  readonly postLooks?: number
}
