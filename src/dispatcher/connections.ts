import type { Connections } from '../shared/http-client.ts'
import { openConnections } from '../shared/http-client.ts'
import type { JobFile } from '../shared/task/job-file.ts'

const kept = new WeakMap<JobFile, Connections>()

/**
 * Connections to the controller of a job, kept as long as the job is: to read all trusted certificates and to greet costs far
 * more than what is sent over them (docs/performance.md).
 */
export function connectionsTo(job: JobFile): Connections {
  const present = kept.get(job)
  if (present !== undefined) return present
  const made = openConnections({ only: job.controller.ca_pem ?? undefined })
  kept.set(job, made)
  return made
}
