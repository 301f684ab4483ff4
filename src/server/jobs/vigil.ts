import { errorText } from '../../shared/errors.ts'
import { seenLater, sleep } from '../../shared/time.ts'
import { webhookBudget } from './budgets.ts'
import type { WorkerDeps } from './deps.ts'
import type { Job } from './machine.ts'
import type { Budgets } from './ports.ts'

/** Everybody who waits for a report of a maintenance OS: one timer, and no question to the store. */
export interface Vigil {
  /** The job as soon as it is not provisioning any more. */
  outcome(id: string, budgets: Budgets, signal: AbortSignal): Promise<Job>
  /** Jobs that wait now. */
  waiting(): number
  /** Looks after those who wait every `everyMs` until the signal aborts. Never rejects. */
  run(everyMs: number, signal: AbortSignal): Promise<void>
}

/** A controller that was away longer than a job's deadline still listens this long: `notify` tries every minute. */
const GRACE_MS = 5 * 60_000
/** Reports keep a job alive beyond its time, but not for ever: this many times. */
const MAX_EXTENSION = 4

type VigilDeps = Pick<WorkerDeps, 'jobs' | 'record' | 'feed' | 'bootWatch' | 'clock' | 'log'>

/** By a clock that does not jump: setting the time never fails a server in mid-install. */
interface Wait {
  job: Job
  readonly silenceMs: number
  readonly begun: number
  readonly patience: number
  readonly limit: number
  /** When the maintenance OS was last heard of; undefined when it never was. */
  heard: number | undefined
}

export function createVigil(deps: VigilDeps): Vigil {
  const { jobs, record, feed, bootWatch, clock, log } = deps
  const waits = new Map<string, Wait>()

  async function look(wait: Wait): Promise<void> {
    const { job, silenceMs, begun, heard, patience, limit } = wait
    const now = performance.now()
    const [elapsed, quiet] = [now - begun, heard === undefined ? Number.POSITIVE_INFINITY : now - heard]
    if (elapsed >= patience && (quiet >= silenceMs || elapsed >= limit)) {
      const seen = job.phase === 'booting' ? await bootWatch.summary(job) : lastSeen(job, quiet)
      const message = `no report came from the maintenance OS: ${seen}`
      await record.apply(job.id, { type: 'timed-out', failedStep: 'webhook.wait', message })
    } else if (job.phase === 'booting') {
      await bootWatch.check(job)
    } else if (quiet >= silenceMs && heard !== undefined && job.silentSince === null) {
      await record.silent(job.id, new Date(clock.now().getTime() - quiet))
    }
  }

  function begin(job: Job, budgets: Budgets): Wait {
    const begun = performance.now()
    const budget = webhookBudget(job.taskTarget, budgets)
    const left = job.deadline === null ? budget : job.deadline.getTime() - clock.now().getTime()
    const atLeast = (ms: number) => Math.max(ms, Math.min(GRACE_MS, budget))
    // A deadline that is stored was set by the budget of that day; only a clock that is wrong takes it far.
    const patience = Math.min(budget * MAX_EXTENSION, atLeast(left))
    const limit = Math.min(budget * MAX_EXTENSION, atLeast(left + budget * (MAX_EXTENSION - 1)))
    const age = isHeard(job) ? Math.max(0, clock.now().getTime() - job.progress.at.getTime()) : undefined
    return {
      job,
      silenceMs: budgets.silenceMs,
      begun,
      patience,
      limit,
      heard: age === undefined ? undefined : begun - age,
    }
  }

  return {
    waiting: () => waits.size,

    async outcome(id, budgets, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<Job>()
      void seenLater(promise)
      const onAbort = () => reject(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
      const unlisten = feed.listen(id, (happening) => {
        if (happening.kind !== 'job') return
        const { job } = happening
        const wait = waits.get(id)
        if (wait !== undefined) {
          // By its time: whatever else changes a job, its progress is read anew, and is another object.
          if (isHeard(job) && job.progress.at.getTime() !== wait.job.progress?.at.getTime())
            wait.heard = performance.now()
          wait.job = job
        }
        if (job.status !== 'provisioning') resolve(job)
      })
      try {
        const job = await jobs.find(id)
        signal.throwIfAborted()
        if (job === undefined) throw new Error(`job ${id} vanished`)
        if (job.status !== 'provisioning') return job
        waits.set(id, begin(job, budgets))
        return await promise
      } finally {
        waits.delete(id)
        unlisten()
        signal.removeEventListener('abort', onAbort)
      }
    },

    async run(everyMs, signal) {
      while (!signal.aborted) {
        for (const wait of [...waits.values()]) {
          await look(wait).catch((error: unknown) =>
            log.error({ err: error, jobId: wait.job.id }, 'the wait for a report cannot be looked after'),
          )
        }
        await sleep(everyMs, signal).catch(() => undefined)
      }
    },
  }
}

/** The maintenance OS itself has reported; what was read of its media is no word of it. */
function isHeard(job: Job): job is Job & { readonly progress: NonNullable<Job['progress']> } {
  return job.progress !== null && job.phase !== 'booting'
}

function lastSeen({ phase, progress }: Job, quietMs: number): string {
  const minutes = Number.isFinite(quietMs) ? `, ${Math.round(quietMs / 60_000)} min ago` : ''
  const words = progress?.message ? ` ("${errorText(progress.message)}")` : ''
  return `it was last seen in ${phase}${minutes}${words}`
}
