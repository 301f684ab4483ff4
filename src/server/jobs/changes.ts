import type { Job } from './machine.ts'

/** Tells those who wait for a job that it changed, within this process. */
export interface Changes {
  publish(job: Job): void
  /** Calls `listener` with the job after each change, until what is given back is called. */
  watch(id: string, listener: (job: Job) => void): () => void
  /** Resolves at the next change of the job, or after `ms`. */
  next(id: string, ms: number, signal: AbortSignal): Promise<void>
}

export function createChanges(sleep: (ms: number, signal: AbortSignal) => Promise<void>): Changes {
  const watching = new Map<string, Set<(job: Job) => void>>()
  function watch(id: string, listener: (job: Job) => void): () => void {
    const set = watching.get(id) ?? new Set()
    watching.set(id, set.add(listener))
    return function unwatch() {
      set.delete(listener)
      if (set.size === 0 && watching.get(id) === set) watching.delete(id)
    }
  }
  return {
    watch,
    publish(job) {
      for (const listener of [...(watching.get(job.id) ?? [])]) listener(job)
    },
    async next(id, ms, signal) {
      const woken = new AbortController()
      const unwatch = watch(id, () => woken.abort())
      try {
        await sleep(ms, AbortSignal.any([woken.signal, signal])).catch((error: unknown) => {
          if (signal.aborted) throw error
        })
      } finally {
        unwatch()
      }
    },
  }
}
