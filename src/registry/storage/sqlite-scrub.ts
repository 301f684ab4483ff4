import type { Database } from './sqlite-database.ts'
import { digestColumn } from './sqlite-database.ts'
import type { ScrubIndex } from './storage.ts'

/** What a scrub reads and notes. */
export function sqliteScrub(db: Database): Omit<ScrubIndex, 'condemnBlob'> {
  return {
    async blobsToCheck(before, limit) {
      const rows = db.all(
        `SELECT digest, size, version FROM blobs WHERE state = 'stored' AND checked_at < ?
         ORDER BY checked_at, digest LIMIT ?`,
        before.getTime(),
        limit,
      )
      return rows.map((row) => ({
        digest: digestColumn(row, 'digest'),
        size: Number(row['size']),
        version: Number(row['version']),
      }))
    },
    async latestCheck() {
      return new Date(Number(db.get('SELECT MAX(checked_at) AS at FROM blobs')?.['at'] ?? 0))
    },
    async noteChecked(digest, version, at) {
      db.note('UPDATE blobs SET checked_at = ? WHERE digest = ? AND version = ?', at.getTime(), digest, version)
    },
    async manifestsToCheck(from, limit) {
      const sql = 'SELECT id, digest, content FROM manifests WHERE id > ? AND damaged = 0 ORDER BY id LIMIT ?'
      return db.all(sql, from, limit).map((row) => ({
        id: Number(row['id']),
        digest: digestColumn(row, 'digest'),
        content: row['content'] instanceof Uint8Array ? row['content'] : new Uint8Array(),
      }))
    },
    async condemnManifest(digest, content) {
      return db.run('UPDATE manifests SET damaged = 1 WHERE digest = ? AND content = ?', digest, content) > 0
    },
    async damaged() {
      const sql = `SELECT digest FROM blobs WHERE state = 'damaged' UNION SELECT digest FROM manifests WHERE damaged = 1`
      return db.all(sql).map((row) => digestColumn(row, 'digest'))
    },
  }
}
