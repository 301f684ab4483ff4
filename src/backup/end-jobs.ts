import { DatabaseSync } from 'node:sqlite'
import { transaction } from '../shared/sqlite.ts'

/** A job that was not complete when the backup was made, with the status that it had then. */
export interface EndedJob {
  readonly id: string
  readonly serverSerial: string
  readonly status: string
}

const MESSAGE = 'Restored from a backup: the server was left as it is'
/** The first word is what the job has become, as every change of status begins (server/jobs/history.ts). */
const ENTRY = 'complete: restored from a backup, the server was left as it is'

/**
 * Ends every open job of a restored database. Since the backup its server may have been installed and handed over: the next
 * start would install it again, or switch it off. The database may be of an earlier program: only what every schema has is
 * written, and what it has not is looked for.
 */
export function endOpenJobs(database: string, now: Date): EndedJob[] {
  const db = new DatabaseSync(database)
  try {
    return transaction(db, () => {
      const open = db.prepare("SELECT id, server_serial, status FROM jobs WHERE status <> 'complete' ORDER BY id").all()
      const silence = db.prepare("SELECT 1 FROM pragma_table_info('jobs') WHERE name = 'silent_since'").get()
      const note = db.prepare(
        `INSERT INTO history SELECT ?1, COALESCE(MAX(seq), 0) + 1, ?2, 'status', ?3 FROM history WHERE job_id = ?1`,
      )
      // An install that had succeeded stays one, though its clean-up will not be done any more.
      const end = db.prepare(
        `UPDATE jobs SET status = 'complete', outcome = COALESCE(outcome, 'failed'), message = COALESCE(message, ?2),
           updated_at = ?3, version = version + 1, lease_worker = NULL ${silence ? ', silent_since = NULL' : ''}
         WHERE id = ?1`,
      )
      return open.map(({ id, server_serial: serverSerial, status }) => {
        note.run(id ?? null, now.toISOString(), ENTRY)
        end.run(id ?? null, MESSAGE, now.toISOString())
        return { id: String(id), serverSerial: String(serverSerial), status: String(status) }
      })
    })
  } finally {
    db.close()
  }
}
