import type { Logger } from './log.ts'

/** One change that somebody made or tried: who did what to which object, from where, and how it ended. */
export interface AuditEntry {
  /** What was done: the name of the endpoint, or what changed in the registry. */
  readonly audit: string
  /** `user:NAME`, `service:NAME`, `job:ID`, `account:NAME` (in the registry). */
  readonly caller: string
  readonly address: string | null
  readonly object: string
  /** The HTTP status of the answer. */
  readonly status: number
}

/** The line in the log. Every line with a member `audit` is one of these. */
export function logAudit(log: Logger, entry: AuditEntry, facts: Readonly<Record<string, unknown>>): void {
  log.info({ ...entry, ...facts }, 'audit')
}
