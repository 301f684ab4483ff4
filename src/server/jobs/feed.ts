import type { Job } from './machine.ts'
import type { HistoryEntry } from './ports.ts'

/** One thing that happened, as it is told to whoever listens. */
export type Happening =
  | { readonly kind: 'entry'; readonly jobId: string; readonly entry: HistoryEntry; readonly position: number }
  | { readonly kind: 'job'; readonly jobId: string; readonly job: Job; readonly isProgress: boolean }

export type Listener = (happening: Happening) => void

/** What happens to jobs, while it happens, within this process: nobody who listens reads the store for it. */
export interface JobFeed {
  entry(jobId: string, entry: HistoryEntry): void
  /** A job was created or changed. */
  job(job: Job): void
  /** Of one job, or without an id of all, until what is given back is called. */
  listen(jobId: string | undefined, listener: Listener): () => void
  /** The position of the newest entry. */
  readonly position: number
  /** The entries of all jobs since that position; undefined when they are not remembered any more. */
  since(position: number): readonly Happening[] | undefined
}

/** Entries that are remembered for clients that come back: some minutes of a busy controller. */
const REMEMBERED = 4096

export function createJobFeed(remembered = REMEMBERED): JobFeed {
  const ofJob = new Map<string, Set<Listener>>()
  const ofAll = new Set<Listener>()
  const last: Happening[] = []
  const states = new Map<string, string>()
  let position = 0

  function tell(happening: Happening): void {
    for (const listener of [...(ofJob.get(happening.jobId) ?? []), ...ofAll]) listener(happening)
  }

  return {
    get position() {
      return position
    },
    entry(jobId, entry) {
      position += 1
      const happening: Happening = { kind: 'entry', jobId, entry, position }
      last.push(happening)
      if (last.length >= 2 * remembered) last.splice(0, last.length - remembered)
      tell(happening)
    },
    job(job) {
      const state = `${job.status} ${job.phase} ${job.outcome}`
      const isProgress = states.get(job.id) === state
      if (job.status === 'complete') states.delete(job.id)
      else states.set(job.id, state)
      tell({ kind: 'job', jobId: job.id, job, isProgress })
    },
    listen(jobId, listener) {
      const set = jobId === undefined ? ofAll : (ofJob.get(jobId) ?? new Set())
      if (jobId !== undefined) ofJob.set(jobId, set)
      set.add(listener)
      return () => {
        set.delete(listener)
        if (jobId !== undefined && set.size === 0 && ofJob.get(jobId) === set) ofJob.delete(jobId)
      }
    },
    since(from) {
      const missed = position - from
      if (missed < 0 || missed > last.length) return undefined
      return missed === 0 ? [] : last.slice(-missed)
    },
  }
}
