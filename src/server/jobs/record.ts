import { AppError } from '../../shared/errors.ts'
import type { Clock } from '../../shared/time.ts'
import { statusMessage } from './history.ts'
import type { Job, JobEvent, JobPhase, Progress } from './machine.ts'
import { applyEvent, enterPhase, isBooting } from './machine.ts'
import type { JobStore, NewEntry } from './ports.ts'

/** Changes jobs by compare-and-set: read, decide, save; read again when somebody else was faster. */
export interface JobRecord {
  /** @throws `job-transition` when the job may not do that any more */
  apply(id: string, event: JobEvent): Promise<Job>
  enter(id: string, phase: JobPhase, patch?: Partial<Pick<Job, 'maintenance' | 'task'>>): Promise<Job>
  /** The server is told to start from the media now, once more perhaps; the wait for its report ends at `deadline`. */
  starting(id: string, deadline: Date): Promise<Job>
  /**
   * Its event stays in the history.
   * @throws `job-transition` for an event of a job that is not provisioning; other progress of it is forgotten
   */
  progress(id: string, phase: JobPhase, progress: Progress): Promise<Job>
  /** Progress of a boot, seen from outside: it changes no phase, and nothing of a job that is not booting. */
  bootProgress(id: string, progress: Progress): Promise<Job>
  /** Nothing was heard of the maintenance OS since then. */
  silent(id: string, since: Date): Promise<Job>
  /** The same for a worker, which may change nothing once it does not hold the job any more. */
  heldBy(worker: string): JobRecord
}

/** What a job becomes, and what its history says of it. */
interface Decision {
  readonly job: Job
  readonly entry?: NewEntry | undefined
  readonly event?: NewEntry | undefined
}

const START = { type: 'start', message: 'switching on from the media' } as const

/** More collisions than this on one job are a bug, not bad luck. */
const MAX_COLLISIONS = 50

export function jobRecord(store: JobStore, clock: Clock, changed: (job: Job) => void, worker?: string): JobRecord {
  async function change(id: string, decide: (job: Job, now: Date) => Decision): Promise<Job> {
    for (let collision = 0; collision < MAX_COLLISIONS; collision++) {
      const before = await store.find(id)
      if (before === undefined) throw new AppError('job-not-found', `Cannot find job "${id}"`)
      const now = clock.now()
      const { job, entry, event } = decide(before, now)
      if (job === before) {
        // Whoever hears that it is so already must be able to rely on it.
        await store.flushed()
        return before
      }
      const entries = [entry, event].filter((made) => made !== undefined)
      const saved = await store.save(job, entries, now, worker)
      if (saved === undefined) {
        const still = worker !== undefined && (await store.find(id))?.version === before.version
        if (still) throw new Error(`Cannot change job ${id}: worker "${worker}" does not hold it any more`)
        continue
      }
      changed(saved)
      return saved
    }
    throw new Error(`Cannot change job ${id}: it was changed ${MAX_COLLISIONS} times meanwhile`)
  }

  return {
    async apply(id, event) {
      const job = await change(id, (before, now) => ({
        job: applyEvent(before, event, now),
        entry: { type: 'status', message: statusMessage(event) },
      }))
      const late = lateWord(job, event)
      if (late !== undefined) await store.noteOnce(id, { type: 'note', message: late }, clock.now())
      return job
    },
    enter: (id, phase, patch = {}) =>
      change(id, (job, now) => {
        const next = enterPhase(job, phase, now)
        if (next !== job) return { job: { ...next, ...patch }, entry: { type: 'phase', message: phase } }
        const again = job.status === 'provisioning' && job.phase === phase && Object.keys(patch).length > 0
        return { job: again ? { ...job, ...patch, updatedAt: now } : job }
      }),
    starting: (id, deadline) =>
      change(id, (job, now) => {
        const next = enterPhase(job, 'booting', now)
        const entry: NewEntry | undefined = next === job ? undefined : { type: 'phase', message: 'booting' }
        if (!isBooting(next)) return { job }
        return { job: { ...next, deadline, updatedAt: now }, entry, event: START }
      }),
    bootProgress: (id, progress) =>
      change(id, (job, now) => ({ job: isBooting(job) ? { ...job, progress, updatedAt: now } : job })),
    silent: (id, since) =>
      change(id, (job, now) => {
        if (job.status !== 'provisioning' || job.silentSince !== null) return { job }
        const message = `nothing was heard of the maintenance OS since ${since.toISOString()}`
        return { job: { ...job, silentSince: since, updatedAt: now }, entry: { type: 'note', message } }
      }),
    heldBy: (holder) => jobRecord(store, clock, changed, holder),
    progress: (id, phase, progress) =>
      change(id, (job, now): Decision => {
        const next = enterPhase(job, phase, now)
        const { step, event: message } = progress
        if (next.status !== 'provisioning') {
          // Whoever asks for it to be kept goes on to something that cannot be undone once it is.
          if (message !== undefined)
            throw new AppError('job-transition', `Cannot keep an event of job ${id}: it is ${next.status}`)
          return { job }
        }
        const entry: NewEntry | undefined = next.phase === job.phase ? undefined : { type: 'phase', message: phase }
        // A report whose answer was lost comes again.
        const isKnown = job.progress?.step === step && job.progress.event === message
        const event: NewEntry | undefined = message === undefined || isKnown ? undefined : { type: 'step', message }
        return { job: { ...next, progress, silentSince: null, updatedAt: now }, entry, event }
      }),
  }
}

/** A report that changes nothing any more, and says something else than how the job ended. */
function lateWord({ outcome }: Job, { type }: JobEvent): string | undefined {
  if (type === 'reported-success' && outcome !== 'success')
    return 'the maintenance OS reported success after the job had ended'
  if (type === 'reported-failure' && outcome !== 'failed')
    return 'the maintenance OS reported a failure after the job had ended'
  return undefined
}
