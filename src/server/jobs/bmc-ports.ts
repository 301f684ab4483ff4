import type { ControllerStep } from './machine.ts'

/** What the job core and the doctor need of BMCs. `redfish` implements these. */

/** Which server's BMC, and how to log in. */
export interface BmcAddress {
  /** `https://192.0.2.7` – scheme, host, port; no path. */
  readonly url: string
  readonly username: string
  readonly password: string
  /** False accepts any certificate that the BMC shows. */
  readonly verifyTls: boolean
  /** Tells the system apart where one BMC has several. */
  readonly serial?: string
}

/** The two media of a job, as URLs the BMC can fetch. */
export interface MediaUrls {
  readonly maintenance: string
  readonly task: string
  /** Both as one virtual file, for a BMC with one slot. */
  readonly combined?: string
  /** The same media by plain HTTP: what stands in place of scheme, host and port. */
  readonly plainOrigin?: string | undefined
  /** The controller's own CA, with which a BMC can verify the certificate of HTTPS. */
  readonly caPem?: string | undefined
}

/** One medium, as `MediaUrls` has three. */
export interface MediumUrl extends Pick<MediaUrls, 'plainOrigin' | 'caPem'> {
  readonly url: string
}

/** What a BMC told about itself; goes into the job's events. */
export interface BmcFacts {
  readonly vendor: string
  readonly model: string
  readonly firmware: string
  /** Serial number of the system, as the dispatcher will read it from DMI. */
  readonly serial: string | undefined
  readonly uuid: string | undefined
}

export type PowerState = 'on' | 'off'

/** The parts of a failed Redfish step; each becomes a `failed_step` of the job. */
export type RedfishStep = Extract<ControllerStep, `redfish.${string}` | `cleanup.${string}`>

/** Told of each part of a mount as it begins, and of what an operator should know of it: then with a note. */
export type OnMount = (step: RedfishStep, note?: string) => unknown

/** One server's BMC, logged in. Every method may be repeated: it reads the present state, then changes what differs. */
export interface Bmc {
  /** Takes boot settings reliably from a server that is off alone: iLO freezes them during POST. */
  readonly armsWhenOff: boolean
  facts(signal: AbortSignal): Promise<BmcFacts>
  /** Ejects what is in the CD slots used, inserts both media, and checks that they are in. */
  insertMedia(media: MediaUrls, onStep: OnMount, signal: AbortSignal): Promise<void>
  /** Empties the slots whose image is one of ours. */
  ejectMedia(signal: AbortSignal): Promise<void>
  /** The next boot is from the virtual CD, once, by UEFI. */
  bootOnceFromCd(signal: AbortSignal): Promise<void>
  /** Leaves an override alone where a change does harm once a system has run. */
  clearBootOverride(wasStarted: boolean, signal: AbortSignal): Promise<void>
  power(signal: AbortSignal): Promise<PowerState>
  /** Waits until the server is off; being off already is success. */
  powerOff(signal: AbortSignal): Promise<void>
  /**
   * Waits until the server is on; being on already is success.
   * @throws `redfish-answer`, `isFinal` when the order is refused whenever it is given
   */
  powerOn(signal: AbortSignal): Promise<void>
  /** Restarts the BMC itself, not the server, and waits until it answers; with that this connection is over. */
  restart(signal: AbortSignal): Promise<void>
  /** Ends the session. */
  close(): Promise<void>
}

/** What worked on one kind of BMC, so that the next server of that kind is right at once. */
export interface LearnedProfile {
  /** What was sent beside the image: the rung of the payload ladder, and the parameters the BMC asked for by name. */
  readonly insert: { readonly rung: number; readonly demands: readonly string[] } | null
  readonly bootSlot: string | null
  /** Null when one medium holds both. */
  readonly taskSlot: string | null
  /** `Cd`, `UefiUsbCd`; or the vendor's own way: `dell-import`, `hp-slot`. */
  readonly bootTarget: string | null
  /** The certificate of media is not verified: it was refused, or the medium was with it. */
  readonly refusesVerify?: true
  /** It was told to have more virtual CDs in vain. */
  readonly refusesMoreCds?: true
}

export const NOTHING_LEARNED: LearnedProfile = { insert: null, bootSlot: null, taskSlot: null, bootTarget: null }

/** Learned profiles by model (`vendor model`) and firmware of the BMC. */
export interface LearnedProfiles {
  find(model: string, firmware: string): Promise<LearnedProfile | undefined>
  save(model: string, firmware: string, profile: LearnedProfile): Promise<void>
}

/** The kind of BMC that a server was last seen with. */
export interface BmcKind {
  readonly model: string
  readonly firmware: string
}

export interface KnownBmcs {
  seen(serial: string, kind: BmcKind): Promise<void>
  /** Undefined for a server that was never asked, or whose BMC has another address since. */
  find(serial: string): Promise<(BmcKind & { readonly seenAt: Date }) | undefined>
}

/** One slot for virtual media. */
export interface SlotFacts {
  readonly id: string
  /** `CD/DVD` */
  readonly kind: string
  /** It takes a URL. */
  readonly usable: boolean
  readonly cd: boolean
  /** What is in it; empty when the BMC does not tell, undefined when there is nothing. */
  readonly image: string | undefined
}

/** One BMC as the doctor looks at it. */
export interface Checkup {
  readonly facts: BmcFacts
  /** The clock of the BMC (RFC 3339), when it tells. */
  readonly time: string | undefined
  /** Media have to be put into one, as this BMC takes no second one. */
  readonly oneMedium: boolean
  /** A job would tell the BMC to have more virtual CDs than these. */
  canHaveMoreCds(signal: AbortSignal): Promise<boolean>
  power(signal: AbortSignal): Promise<PowerState>
  slots(signal: AbortSignal): Promise<readonly SlotFacts[]>
  /** Slots with somebody else's medium, which an insert would take the place of. */
  foreign(signal: AbortSignal): Promise<readonly SlotFacts[]>
  /** Inserts one medium into the slot that boots; gives the slot's id, and the URL that was taken. */
  insert(medium: MediumUrl, signal: AbortSignal): Promise<{ readonly slot: string; readonly url: string }>
  eject(signal: AbortSignal): Promise<void>
  /** How the virtual CD would be started; @throws `redfish-unsupported` */
  bootTarget(signal: AbortSignal): Promise<string>
  /** An override of an earlier job was not used up. */
  isBootOnceArmed(signal: AbortSignal): Promise<boolean>
  learned(): LearnedProfile
  close(): Promise<void>
}

export type ConnectCheckup = (address: BmcAddress, signal: AbortSignal) => Promise<Checkup>

export type ConnectBmc = (address: BmcAddress, signal: AbortSignal) => Promise<Bmc>
