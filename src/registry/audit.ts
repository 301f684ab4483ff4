import type { AuditEntry } from '../shared/audit.ts'
import { logAudit } from '../shared/audit.ts'
import type { Logger } from '../shared/log.ts'
import type { Exchange } from './exchange.ts'

/** Told of each change beside the log. */
export type TellChange = (entry: AuditEntry) => void

/** One line for each write, when it has been answered: who did what, from where, how much, how long. */
export function auditChange(log: Logger, tell: TellChange | undefined, c: Exchange, status: number, ms: number): void {
  const { caller, change } = c.facts
  if (change === undefined) return
  const { what, ...rest } = change
  const address = c.env.incoming?.socket.remoteAddress ?? null
  const object = [change.repository, change.digest].filter((part) => part !== undefined).join('@')
  const entry: AuditEntry = { audit: what, caller: caller ?? 'unknown', address, object, status }
  logAudit(log, entry, { ...rest, ms: Math.round(ms) })
  tell?.(entry)
}
