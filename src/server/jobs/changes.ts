import type { Job } from './machine.ts'

/** Tells those who wait for a job that it changed, within this process; others find out by reading the store. */
export interface Changes {
  publish(job: Job): void
  /** Resolves at the next change of the job, or after `ms`. */
  next(id: string, ms: number, signal: AbortSignal): Promise<void>
}

export function createChanges(sleep: (ms: number, signal: AbortSignal) => Promise<void>): Changes {
  const waiting = new Map<string, Set<() => void>>()
  return {
    publish(job) {
      for (const wake of waiting.get(job.id) ?? []) wake()
    },
    async next(id, ms, signal) {
      const woken = new AbortController()
      const wake = () => woken.abort()
      const set = waiting.get(id) ?? new Set()
      waiting.set(id, set.add(wake))
      try {
        await sleep(ms, AbortSignal.any([woken.signal, signal])).catch((error: unknown) => {
          if (signal.aborted) throw error
        })
      } finally {
        set.delete(wake)
        if (set.size === 0) waiting.delete(id)
      }
    },
  }
}
