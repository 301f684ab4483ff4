import type { ByteRange } from '../../shared/http-range.ts'
import type { Logger } from '../../shared/log.ts'
import type { Clock } from '../../shared/time.ts'
import type { Job } from '../jobs/machine.ts'
import type { JobStore } from '../jobs/ports.ts'

/** Notes on a job when its BMC reads a medium for the first time: the proof that the URL reaches us. */
export function firstReads(
  jobs: Pick<JobStore, 'note'>,
  clock: Clock,
  log: Logger,
): (job: Job, name: string, range: ByteRange) => void {
  const seen = new Map<string, Set<string>>()
  return function onRead(job, name) {
    const names = seen.get(job.id) ?? new Set()
    if (names.has(name)) return
    if (seen.size > 10_000) seen.clear()
    seen.set(job.id, names.add(name))
    jobs
      .note(job.id, { type: 'media', message: `${name} is being read` }, clock.now())
      .catch((error: unknown) => log.warn({ err: error, jobId: job.id }, 'media read not noted'))
  }
}
