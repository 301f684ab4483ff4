import type { NetworkPlan } from '../../shared/task/job-file.ts'
import type { Job, JobSummary } from './machine.ts'

/** What the job core needs from the world. Adapters implement these; `compose.ts` joins them. */

/** One server, as registered. The BMC's password is here in clear text and nowhere else. */
export interface Server {
  readonly serial: string
  readonly uuid: string | null
  readonly bmc: BmcAddress
  readonly vendor: string | null
  readonly network: NetworkPlan | null
  readonly createdAt: Date
}

/** A server without the BMC's password, which costs a decryption each. */
export type ListedServer = Omit<Server, 'bmc'> & { readonly bmc: Omit<BmcAddress, 'password'> }

export interface ServerPage {
  /** Only serial numbers behind this one. */
  readonly after?: string
  readonly vendor?: string
  /** Part of the serial number or of the BMC's address. */
  readonly search?: string
  readonly limit: number
}

/** What of a server changes; what is undefined stays. */
export interface ServerChange {
  readonly url?: string | undefined
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly verifyTls?: boolean | undefined
  readonly uuid?: string | null | undefined
  readonly vendor?: string | null | undefined
  readonly network?: NetworkPlan | null | undefined
}

export interface VersionedServer {
  readonly server: ListedServer
  /** Another one after each change (RFC 9110 section 8.8.3). */
  readonly etag: string
}

/** The servers as people manage them. */
export interface ServerRegistry {
  page(page: ServerPage): Promise<readonly ListedServer[]>
  current(serial: string): Promise<VersionedServer | undefined>
  /**
   * Compare-and-set; undefined when there is no such server. `check` throws when the server as it is then may not be
   * changed so.
   * @throws `job-active`; `server-changed` when it is not `expected` any more
   */
  change(
    serial: string,
    expected: string | undefined,
    change: ServerChange,
    check: (current: ListedServer) => void,
  ): Promise<VersionedServer | undefined>
}

/** One line of a job's history. */
export interface HistoryEntry {
  readonly seq: number
  readonly at: Date
  /** `status`, `phase`, `media`, `bmc`, `report`, `note`. */
  readonly type: string
  readonly message: string
}

export type NewEntry = Pick<HistoryEntry, 'type' | 'message'>

/** What is promised here is on the disk when the promise is kept. */
export interface JobStore {
  /**
   * Stores a new job.
   * @returns the job that has the same idempotency key already, if there is one
   * @throws `server-not-found`; `job-active` when the server has another active job; `queue-full` when `maxQueued` others wait already
   */
  create(job: Job, entry: NewEntry, maxQueued?: number): Promise<Job>
  find(id: string): Promise<Job | undefined>
  /** Jobs of one server, newest first. */
  ofServer(serial: string, limit: number): Promise<readonly JobSummary[]>
  list(filter: JobFilter): Promise<readonly JobSummary[]>
  byMediaToken(token: string): Promise<Job | undefined>
  /**
   * Stores the job and appends the entries, in one transaction; undefined when it was changed since it was read, or when
   * `worker` is given and does not hold it.
   */
  save(job: Job, entries: readonly NewEntry[], now: Date, worker?: string): Promise<Job | undefined>
  /** Resolves when everything that was read is on the disk. */
  flushed(): Promise<void>
  history(id: string, after: number): Promise<readonly HistoryEntry[]>
  note(id: string, entry: NewEntry, now: Date): Promise<void>
  /** Makes the worker known, anew when it was before: what it held is free. */
  enlist(worker: string): Promise<void>
  /** Hands out jobs that are not complete and that nobody holds: up to `max` that have not begun, and all others first. */
  lease(worker: string, max: number): Promise<readonly Job[]>
  /** Shows that the worker lives, for all its jobs at once. False when it was buried: then it holds nothing any more. */
  beat(worker: string): Promise<boolean>
  /** Jobs that a worker holds and that somebody has ended. */
  ended(worker: string): Promise<readonly string[]>
  workers(): Promise<readonly WorkerBeat[]>
  /** Frees what a worker held, unless it has beaten since. */
  bury(worker: string, lastBeat: number): Promise<boolean>
  releaseAll(worker: string): Promise<void>
  addLog(id: string, text: string, now: Date): Promise<void>
  logs(id: string): Promise<readonly { readonly at: Date; readonly text: string }[]>
}

export interface WorkerBeat {
  readonly name: string
  /** Counts up while the worker lives. */
  readonly beat: number
}

export interface JobFilter {
  readonly status?: string
  readonly outcome?: string
  readonly server?: string
  readonly target?: string
  /** Only jobs older than this id. */
  readonly before?: string
  readonly limit: number
}

export interface ServerStore {
  /** @throws `server-exists` */
  add(server: Server): Promise<void>
  find(serial: string): Promise<Server | undefined>
  /** False when there was none. @throws `job-active` */
  remove(serial: string): Promise<boolean>
}

/** What only the controller's keys can make; the same job gives the same again, after a restart too. */
export interface JobSecrets {
  webhook(job: Pick<Job, 'id' | 'attempt'>): string
  registryPassword(job: Pick<Job, 'id' | 'attempt'>): string
  mediaToken(jobId: string, attempt: number): string
}

/** Where a job's media are, and whether they can be made. */
export interface JobMedia {
  urls(job: Job): MediaUrls
  /** Plans the task ISO, which is then served from the plan; @throws `iso-plan` */
  prepare(job: Job, server: Server): void
  /** Forgets what was planned for the job. */
  forget(job: Job): void
}

/** What the media know about a boot, before anything else does: how much of them was read. */
export interface BootWatch {
  /** Half a sentence: how far the server came. */
  summary(job: Job): Promise<string>
  /** Notes on the job when nothing has been read for too long. Never rejects. */
  check(job: Job): Promise<void>
  forget(job: Job): void
}

/** How long each part of a job may take, in milliseconds. */
export interface Budgets {
  readonly mountMs: number
  readonly resetMs: number
  readonly webhookMs: number
  readonly firmwareMs: number
  readonly cleanupMs: number
  /** A maintenance OS that was heard of and then says nothing for so long is called silent. */
  readonly silenceMs: number
  /** How long a BMC may take to carry out an order to switch on that it has accepted. */
  readonly lateStartMs: number
}

/** Which server's BMC, and how to log in. */
export interface BmcAddress {
  /** `https://192.0.2.7` – scheme, host, port; no path. */
  readonly url: string
  readonly username: string
  readonly password: string
  /** SHA-256 fingerprint or CA to trust is a later matter; false accepts the certificate the BMC shows. */
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
  clearBootOverride(signal: AbortSignal): Promise<void>
  power(signal: AbortSignal): Promise<PowerState>
  /** Waits until the server is off; being off already is success. */
  powerOff(signal: AbortSignal): Promise<void>
  /** Waits until the server is on; being on already is success. */
  powerOn(signal: AbortSignal): Promise<void>
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
  power(signal: AbortSignal): Promise<PowerState>
  slots(signal: AbortSignal): Promise<readonly SlotFacts[]>
  /** Inserts one medium into the slot that boots; gives its id. */
  insert(url: string, signal: AbortSignal): Promise<string>
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
