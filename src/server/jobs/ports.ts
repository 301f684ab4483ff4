import type { NetworkPlan } from '../../shared/task/job-file.ts'
import type { BmcAddress, MediaUrls } from './bmc-ports.ts'
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

export interface ServerStore {
  /** @throws `server-exists` */
  add(server: Server): Promise<void>
  find(serial: string): Promise<Server | undefined>
  /** False when there was none. @throws `job-active` */
  remove(serial: string): Promise<boolean>
  /** In the order of their serial numbers. */
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

/**
 * What the lines of a history are about. `step`: what the maintenance OS said and is to stay. The controller itself looks
 * for `start`, an order to start from the media, `hand-over`, the one into the installed system, and `bmc-restart`: by type,
 * for messages are for people.
 */
export const ENTRY_TYPES = [
  'status',
  'phase',
  'step',
  'media',
  'bmc',
  'start',
  'hand-over',
  'bmc-restart',
  'note',
] as const

export type EntryType = (typeof ENTRY_TYPES)[number]

/** One line of a job's history. */
export interface HistoryEntry {
  readonly seq: number
  readonly at: Date
  /** One of `ENTRY_TYPES`, or of those of an earlier version. */
  readonly type: string
  readonly message: string
}

export interface NewEntry {
  readonly type: EntryType
  readonly message: string
}

/** What is promised here is on the disk when the promise is kept. */
export interface JobStore extends JobHistory, JobLeases, JobLogs {
  /**
   * Stores a new job.
   * @returns the job that has the same idempotency key already, if there is one
   * @throws `server-not-found`; `job-active` when the server has another active job; `queue-full` when `maxQueued` others wait already
   */
  create(job: Job, entry: NewEntry, maxQueued?: number): Promise<Job>
  find(id: string): Promise<Job | undefined>
  byIdempotencyKey(key: string): Promise<Job | undefined>
  /** Jobs of one server, newest first. */
  ofServer(serial: string, limit: number): Promise<readonly JobSummary[]>
  list(filter: JobFilter): Promise<readonly JobSummary[]>
  /** What the maintenance image of each job is that is not complete. */
  activeImages(): ReadonlySet<string>
  byMediaToken(token: string): Promise<Job | undefined>
  /**
   * Stores the job and appends the entries, in one transaction; undefined when it was changed since it was read, or when
   * `worker` is given and does not hold it.
   */
  save(job: Job, entries: readonly NewEntry[], now: Date, worker?: string): Promise<Job | undefined>
  /** Resolves when everything that was read is on the disk. */
  flushed(): Promise<void>
  /** Removes up to `max` jobs that were complete before then, with all that is kept of them; gives how many there were. */
  prune(endedBefore: Date, max: number): Promise<number>
}

export interface JobHistory {
  /** The first `HISTORY_PAGE` entries behind number `after`. */
  history(id: string, after: number): Promise<readonly HistoryEntry[]>
  /** The newest of a type, however long the history is. */
  lastEntry(id: string, type: EntryType): Promise<HistoryEntry | undefined>
  note(id: string, entry: NewEntry, now: Date): Promise<void>
  /** The same, unless the history has just that already. */
  noteOnce(id: string, entry: NewEntry, now: Date): Promise<void>
}

/** Who works on which job. */
export interface JobLeases {
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
}

export interface JobLogs {
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

/** Entries that a history gives at a time. */
export const HISTORY_PAGE = 1000

/** What only the controller's keys can make; the same job gives the same again, after a restart too. */
export interface JobSecrets {
  webhook(job: Pick<Job, 'id' | 'attempt'>): string
  registryPassword(job: Pick<Job, 'id' | 'attempt'>): string
  mediaToken(jobId: string, attempt: number): string
}

/** Where a job's media are, and whether they can be made. */
export interface JobMedia {
  urls(job: Job): MediaUrls
  /** Plans the task ISO, which is then served from the plan, and gives what changes with the bytes. @throws `iso-plan` */
  prepare(job: Job, server: Server): Pick<Job, 'maintenance' | 'task'>
  /** False when the media that the job began with are not served any more. @throws `iso-plan` */
  isServed(job: Job, server: Server): boolean
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
