import { AppError } from '../../shared/errors.ts'

export type JobStatus = 'queued' | 'provisioning' | 'succeeded' | 'failed' | 'complete'
export type JobOutcome = 'success' | 'failed' | 'timeout' | 'cancelled'

/** The fine grain inside `provisioning` and after it. `running:<step>` carries the step's name. */
export type JobPhase = 'preparing' | 'mounting' | 'booting' | 'dispatching' | `running:${string}` | 'cleaning-up'

/** Parts of a job that the controller does itself, as the API names them when they fail; the steps' names are units. */
export const CONTROLLER_STEPS = [
  'iso.build',
  'iso.serve',
  'redfish.discover',
  'redfish.mount.maintenance',
  'redfish.mount.task',
  'redfish.boot-override',
  'redfish.reset',
  'webhook.wait',
  'cleanup.unmount',
  'cleanup.reset',
] as const

export type ControllerStep = (typeof CONTROLLER_STEPS)[number]

/** What can happen to a job. */
export type JobEvent =
  | { readonly type: 'claimed' }
  | { readonly type: 'reported-success' }
  | { readonly type: 'reported-failure'; readonly failedStep: string; readonly message: string | null }
  | { readonly type: 'broke'; readonly failedStep: string; readonly message: string }
  | { readonly type: 'timed-out'; readonly failedStep: string; readonly message: string }
  | { readonly type: 'cancelled' }
  | { readonly type: 'cleaned-up' }

/**
 * The whole life of a job. A missing entry is a refused event; an entry equal to its own row makes a repeat harmless:
 * webhooks arrive at least once, and late.
 */
export const TRANSITIONS = {
  queued: { claimed: 'provisioning', cancelled: 'failed', broke: 'failed' },
  provisioning: {
    claimed: 'provisioning', // another worker took over an expired lease
    'reported-success': 'succeeded',
    'reported-failure': 'failed',
    broke: 'failed',
    'timed-out': 'failed',
    cancelled: 'failed',
  },
  succeeded: { 'reported-success': 'succeeded', 'reported-failure': 'succeeded', 'cleaned-up': 'complete' },
  failed: { 'reported-success': 'failed', 'reported-failure': 'failed', 'cleaned-up': 'complete' },
  complete: { 'reported-success': 'complete', 'reported-failure': 'complete' },
} as const satisfies Record<JobStatus, Partial<Record<JobEvent['type'], JobStatus>>>

/** The order of the phases; a job never goes back, except that a new worker begins an unbooted job again. */
export const PHASE_ORDER = ['preparing', 'mounting', 'booting', 'dispatching', 'running', 'cleaning-up'] as const

export interface Progress {
  readonly step: string
  readonly bytes: number | null
  readonly totalBytes: number | null
  /** Bytes per second since the step's last report. */
  readonly rate: number | null
  readonly message: string | null
  /** What the report told for the history, which may come again. */
  readonly event?: string
  readonly at: Date
}

/** A job without its recipe: what is listed, and what changes. */
export interface JobSummary {
  readonly id: string
  readonly serverSerial: string
  readonly status: JobStatus
  readonly phase: JobPhase | null
  readonly outcome: JobOutcome | null
  /** A systemd unit of the maintenance OS, or a controller key such as `redfish.reset`. */
  readonly failedStep: string | null
  readonly message: string | null
  readonly taskTarget: string
  readonly attempt: number
  readonly mediaToken: string
  readonly idempotencyKey: string | null
  readonly retryOf: string | null
  readonly progress: Progress | null
  readonly createdAt: Date
  readonly updatedAt: Date
  /** When the wait for the webhook ends; set when the server is started. */
  readonly deadline: Date | null
  /** What the maintenance image was when it was inserted; null before, and of jobs from before this was kept. */
  readonly maintenance: string | null
  /** The same of the task medium. */
  readonly task: string | null
  /** When the maintenance OS was last heard of, once that is too long ago. */
  readonly silentSince: Date | null
  /** Counts changes: a save of an older version is refused. */
  readonly version: number
}

export interface Job extends JobSummary {
  /** The accepted recipe: exactly the bytes of `/recipe.json`. */
  readonly recipeText: string
}

/**
 * The job after `event`; the same object when nothing changes. Pure.
 * @throws `job-transition` when the table has no such entry
 */
export function applyEvent(job: Job, event: JobEvent, now: Date): Job {
  const row: Partial<Record<JobEvent['type'], JobStatus>> = TRANSITIONS[job.status]
  const status = row[event.type]
  if (status === undefined) {
    throw new AppError('job-transition', `Cannot apply "${event.type}" to job ${job.id}: it is ${job.status}`, {
      facts: { jobId: job.id, status: job.status, event: event.type },
    })
  }
  if (status === job.status) return job
  const heard = status === 'provisioning' ? {} : { silentSince: null }
  return { ...job, status, ...outcomeOf(event), ...phaseOf(job, event), ...heard, updatedAt: now }
}

/** A phase may only follow an earlier one, so a late post of the maintenance OS never turns the clock back. */
export function enterPhase(job: Job, phase: JobPhase, now: Date): Job {
  if (job.status !== 'provisioning' || job.phase === phase) return job
  const begins = phase === 'preparing' && !isBooted(job)
  if (!begins && rank(phase) < rank(job.phase)) return job
  return { ...job, phase, updatedAt: now }
}

/** True from the moment the server is started from our media: from then on only the maintenance OS may decide. */
export function isBooted(job: Pick<Job, 'phase'>): boolean {
  return job.phase !== null && rank(job.phase) >= rank('booting')
}

/** The server is started from our media, and the maintenance OS has not been heard of. */
export function isBooting({ status, phase }: Pick<Job, 'status' | 'phase'>): boolean {
  return status === 'provisioning' && phase === 'booting'
}

/** True once something may have been done to the server. What never was touched is nobody's to switch off. */
export function isTouched(job: Pick<Job, 'phase'>): boolean {
  return job.phase !== null && job.phase !== 'preparing'
}

/** True from its outcome on, whoever told it; what is left is to clean up. */
export function hasEnded({ status }: Pick<Job, 'status'>): boolean {
  return status !== 'queued' && status !== 'provisioning'
}

export function isActive(job: Pick<Job, 'status'>): boolean {
  return job.status !== 'complete'
}

function outcomeOf(event: JobEvent): Partial<Pick<Job, 'outcome' | 'failedStep' | 'message' | 'progress'>> {
  switch (event.type) {
    case 'claimed':
    case 'cleaned-up':
      return {}
    case 'reported-success':
      return { outcome: 'success' }
    case 'reported-failure':
    case 'broke':
      return { outcome: 'failed', failedStep: event.failedStep, message: event.message }
    case 'timed-out':
      return { outcome: 'timeout', failedStep: event.failedStep, message: event.message }
    case 'cancelled':
      return { outcome: 'cancelled', message: 'Cancelled by an operator' }
  }
}

/** There is nothing to clean up on a server that was not touched, so the phase stays and says so. */
function phaseOf(job: Job, event: JobEvent): Partial<Pick<Job, 'phase'>> {
  if (event.type === 'claimed') return { phase: 'preparing' }
  return event.type === 'cleaned-up' || !isTouched(job) ? {} : { phase: 'cleaning-up' }
}

function rank(phase: JobPhase | null): number {
  const order: readonly (string | null)[] = PHASE_ORDER
  return order.indexOf(phase?.startsWith('running:') ? 'running' : phase)
}
