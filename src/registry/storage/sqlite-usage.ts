import type { Database } from './sqlite-database.ts'
import type { UsageIndex } from './storage.ts'

/** Names below `team` are those from `team/` up to `team0`: the character after "/" is "0". */
const BELOW = `(?1 = '' OR r.name = ?1 OR (r.name >= ?1 || '/' AND r.name < ?1 || '0'))`

/** What repositories hold, each blob and manifest counted once. */
export function sqliteUsage(db: Database): UsageIndex {
  return {
    async usedBytes(prefix) {
      const row = db.get(
        `SELECT
           (SELECT COALESCE(SUM(b.size), 0) FROM blobs b WHERE b.digest IN
             (SELECT m.digest FROM repositories r JOIN repository_blobs m ON m.repository = r.id WHERE ${BELOW}))
         + (SELECT COALESCE(SUM(c.size), 0) FROM manifests c WHERE c.id IN
             (SELECT m.manifest FROM repositories r JOIN repository_manifests m ON m.repository = r.id WHERE ${BELOW}))
         AS bytes`,
        prefix,
      )
      return Number(row?.['bytes'])
    },
  }
}
