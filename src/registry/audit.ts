import { logAudit } from '../shared/audit.ts'
import type { Logger } from '../shared/log.ts'
import type { Exchange } from './exchange.ts'

/** One line for each write, when it has been answered: who did what, from where, how much, how long. */
export function auditLine(log: Logger, c: Exchange, status: number, ms: number): void {
  const { caller, change } = c.facts
  if (change === undefined) return
  const { what, ...rest } = change
  const address = c.env.incoming?.socket.remoteAddress ?? null
  const object = [change.repository, change.digest].filter((part) => part !== undefined).join('@')
  logAudit(log, { audit: what, caller: caller ?? 'unknown', address, object, status }, { ...rest, ms: Math.round(ms) })
}
