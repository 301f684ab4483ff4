import type { Job } from './machine.ts'

/** Tells those who wait for a job that it changed, within this process. */
export interface Changes {
  publish(job: Job): void
  /** Calls `listener` with the job after each change, until what is given back is called. */
  watch(id: string, listener: (job: Job) => void): () => void
}

export function createChanges(): Changes {
  const watching = new Map<string, Set<(job: Job) => void>>()
  return {
    watch(id, listener) {
      const set = watching.get(id) ?? new Set()
      watching.set(id, set.add(listener))
      return function unwatch() {
        set.delete(listener)
        if (set.size === 0 && watching.get(id) === set) watching.delete(id)
      }
    },
    publish(job) {
      for (const listener of [...(watching.get(job.id) ?? [])]) listener(job)
    },
  }
}
