import type { DatabaseSync } from 'node:sqlite'
import { AppError } from '../../shared/errors.ts'
import { text } from './job-row.ts'

/**
 * Asks, within the transaction that changes a server, whether it has an active job: a job reads its server's row until its
 * end, as its medium is made of it and its BMC is cleaned up.
 */
export function idleServerCheck(db: DatabaseSync): (serial: string, what: 'change' | 'remove') => void {
  const active = db.prepare("SELECT id FROM jobs WHERE server_serial = ? AND status <> 'complete'")
  return function assertIdle(serial, what) {
    const row = active.get(serial)
    if (row === undefined) return
    throw new AppError('job-active', `Cannot ${what} server "${serial}": job ${text(row, 'id')} is still active`)
  }
}
