import type { DatabaseSync } from 'node:sqlite'
import type { AuditEntry } from '../../shared/audit.ts'
import type { Commits } from './commits.ts'
import { directCommits } from './commits.ts'
import type { Row } from './job-row.ts'
import { optional, text } from './job-row.ts'

export interface StoredAudit extends AuditEntry {
  readonly id: number
  readonly at: Date
}

export interface AuditFilter {
  readonly limit: number
  /** Only those with a smaller id: the next page. */
  readonly before?: number | undefined
  readonly caller?: string | undefined
  readonly object?: string | undefined
}

export interface AuditStore {
  /** Resolves when the entry survives a power cut. */
  add(entry: AuditEntry, at: Date): Promise<void>
  /** The newest first. */
  list(filter: AuditFilter): readonly StoredAudit[]
}

/** Some hundred bytes each; a site with a thousand changes a day keeps a year. */
const MAX_ROWS = 400_000
const MAX_AGE_MS = 400 * 86_400_000
/** How often the old ones are looked for. */
const PRUNE_EVERY = 1000

/** The audit trail in SQLite. */
export function sqliteAuditStore(
  db: DatabaseSync,
  commits: Commits = directCommits(db),
  { maxRows, pruneEvery } = { maxRows: MAX_ROWS, pruneEvery: PRUNE_EVERY },
): AuditStore {
  const insert = db.prepare('INSERT INTO audit (at, audit, caller, address, object, status) VALUES (?, ?, ?, ?, ?, ?)')
  const tooOld = db.prepare('DELETE FROM audit WHERE at < ?')
  const tooMany = db.prepare('DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?')
  const page = db.prepare(`
    SELECT * FROM audit WHERE id < coalesce(?, 9e15) AND object = coalesce(?, object) ORDER BY id DESC LIMIT ?`)
  const pageOf = db.prepare(`
    SELECT * FROM audit
    WHERE id < coalesce(?, 9e15) AND object = coalesce(?, object) AND caller = ? ORDER BY id DESC LIMIT ?`)
  let added = 0

  return {
    add({ audit, caller, address, object, status }, at) {
      return commits.write(() => {
        insert.run(at.toISOString(), audit, caller, address, object, status)
        added += 1
        if (added % pruneEvery !== 0) return
        tooOld.run(new Date(at.getTime() - MAX_AGE_MS).toISOString())
        tooMany.run(maxRows)
      })
    },
    list({ limit, before = null, caller, object = null }) {
      // By the index of callers, or every entry there is would be read for one who did little.
      const rows = caller === undefined ? page.all(before, object, limit) : pageOf.all(before, object, caller, limit)
      return rows.map(auditFrom)
    },
  }
}

function auditFrom(row: Row): StoredAudit {
  return {
    id: Number(row['id']),
    at: new Date(text(row, 'at')),
    audit: text(row, 'audit'),
    caller: text(row, 'caller'),
    address: optional(row, 'address'),
    object: text(row, 'object'),
    status: Number(row['status']),
  }
}
