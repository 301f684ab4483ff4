import type { Logger } from '../../shared/log.ts'
import type { Backoff, Clock } from '../../shared/time.ts'
import type { ConnectBmc } from './bmc-ports.ts'
import type { JobFeed } from './feed.ts'
import type { Job } from './machine.ts'
import type { BootWatch, Budgets, EntryType, JobMedia, JobStore, Server, ServerStore } from './ports.ts'
import type { JobRecord } from './record.ts'

/** What working on jobs needs. */
export interface WorkerDeps {
  readonly jobs: JobStore
  readonly servers: Pick<ServerStore, 'find'>
  readonly record: JobRecord
  readonly feed: Pick<JobFeed, 'job' | 'listen'>
  readonly connectBmc: ConnectBmc
  readonly media: JobMedia
  readonly bootWatch: BootWatch
  /** As they are now: a job keeps those with which its work began here. */
  budgetsNow(): Budgets
  readonly clock: Clock
  readonly log: Logger
  note(jobId: string, type: EntryType, message: string): Promise<void>
  /** Told of each turn of the loop that takes jobs: a sign of life. */
  turned?(): void
  /** Told of each worker whose jobs were taken over. */
  tookOver?(): void
}

/** What working on one job needs that this worker holds. */
export interface HeldDeps extends WorkerDeps {
  readonly budgets: Budgets
  /** Throws when the worker may not hold its jobs any more; asked right before a server is touched. */
  assertHeld(): void
  /** How a BMC that restarts or is busy is asked again. */
  readonly patience: Backoff
}

/** What is done for one job at its server's BMC, and until when. */
export interface Conversation {
  readonly job: Job
  readonly server: Server
  readonly deps: HeldDeps
  readonly limit: AbortSignal
}
