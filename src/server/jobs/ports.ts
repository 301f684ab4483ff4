/** What the job core needs from the world. Adapters implement these; `compose.ts` joins them. */

/** Which server's BMC, and how to log in. */
export interface BmcAddress {
  /** `https://192.0.2.7` – scheme, host, port; no path. */
  readonly url: string
  readonly username: string
  readonly password: string
  /** SHA-256 fingerprint or CA to trust is a later matter; false accepts the certificate the BMC shows. */
  readonly verifyTls: boolean
}

/** The two media of a job, as URLs the BMC can fetch. */
export interface MediaUrls {
  readonly maintenance: string
  readonly task: string
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
export type RedfishStep =
  | 'redfish.discover'
  | 'redfish.mount.maintenance'
  | 'redfish.mount.task'
  | 'redfish.boot-override'
  | 'redfish.reset'
  | 'cleanup.unmount'
  | 'cleanup.reset'

/** One server's BMC, logged in. Every method may be repeated: it reads the present state, then changes what differs. */
export interface Bmc {
  facts(signal: AbortSignal): Promise<BmcFacts>
  /** Ejects what is in the CD slots used, inserts both media, and checks that they are in. */
  insertMedia(media: MediaUrls, onStep: (step: RedfishStep) => void, signal: AbortSignal): Promise<void>
  /** Empties the slots whose image is one of ours. */
  ejectMedia(signal: AbortSignal): Promise<void>
  /** The next boot is from the virtual CD, once, by UEFI. */
  bootOnceFromCd(signal: AbortSignal): Promise<void>
  /** True while `bootOnceFromCd` has not been used up by a boot. */
  isBootOnceArmed(signal: AbortSignal): Promise<boolean>
  clearBootOverride(signal: AbortSignal): Promise<void>
  power(signal: AbortSignal): Promise<PowerState>
  /** Waits until the server is off; being off already is success. */
  powerOff(signal: AbortSignal): Promise<void>
  /** Waits until the server is on; being on already is success. */
  powerOn(signal: AbortSignal): Promise<void>
  /** Ends the session. */
  close(): Promise<void>
}

export type ConnectBmc = (address: BmcAddress, signal: AbortSignal) => Promise<Bmc>
