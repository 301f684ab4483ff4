import type { Digest } from '../../shared/digest.ts'
import { MIGRATIONS } from './migrations.ts'
import type { Database, Row } from './sqlite-database.ts'
import { openDatabase, repositoryId } from './sqlite-database.ts'
import { sqliteGarbage } from './sqlite-garbage.ts'
import { sqliteManifests } from './sqlite-manifests.ts'
import { sqliteRevision } from './sqlite-revision.ts'
import { sqliteScrub } from './sqlite-scrub.ts'
import { sqliteTags } from './sqlite-tags.ts'
import { sqliteUsage } from './sqlite-usage.ts'
import type { BlobIndex, MetadataStore, RepositoryIndex, UploadIndex, UploadSession } from './storage.ts'

/** The registry's facts in one SQLite file; see migrations.ts for the tables. */
export function sqliteMetadata(path: string): MetadataStore {
  const db = openDatabase(path, MIGRATIONS)
  return {
    ...blobIndex(db),
    ...sqliteManifests(db),
    ...sqliteTags(db),
    ...repositoryIndex(db),
    ...uploadIndex(db),
    ...sqliteRevision(db),
    ...sqliteGarbage(db),
    ...sqliteScrub(db),
    ...sqliteUsage(db),
    async close() {
      db.close()
    },
  }
}

const HELD = `FROM repositories r JOIN repository_blobs m ON m.repository = r.id
  JOIN blobs b ON b.digest = m.digest AND b.state = 'stored'`

function blobIndex(db: Database): BlobIndex {
  return {
    async findBlob(repository, digest) {
      const row = db.get(
        `SELECT b.size, b.version, m.touched_at ${HELD} WHERE r.name = ? AND m.digest = ?`,
        repository,
        digest,
      )
      if (row === undefined) return undefined
      const { size, version, touched_at: touched } = row
      return { digest, size: Number(size), version: Number(version), touchedAt: new Date(Number(touched)) }
    },
    async repositoriesWithBlob(digest, limit) {
      const rows = db.all(`SELECT r.name ${HELD} WHERE m.digest = ? ORDER BY r.name LIMIT ?`, digest, limit)
      return rows.map((row) => String(row['name']))
    },
    async addBlob(repository, { digest, size }, at, upload) {
      db.transaction(() => {
        db.run(
          // Begins anywhere: who saw damage before the blob was collected must not condemn what was pushed after it.
          `INSERT INTO blobs (digest, size, stored_at, checked_at, version) VALUES (?1, ?2, ?3, ?3, abs(random()) >> 12)
           ON CONFLICT (digest) DO UPDATE SET size = excluded.size, stored_at = excluded.stored_at,
             checked_at = excluded.checked_at, state = 'stored', version = version + 1`,
          digest,
          size,
          at.getTime(),
        )
        hold(db, repository, digest, at)
        if (upload !== undefined) db.run('DELETE FROM uploads WHERE id = ?', upload)
      })
    },
    async mountBlob(digest, from, to, at) {
      return db.transaction(() => {
        if (db.get(`SELECT 1 ${HELD} WHERE r.name = ? AND m.digest = ?`, from, digest) === undefined) return false
        hold(db, to, digest, at)
        return true
      })
    },
    async touchBlob(repository, digest, at) {
      const touched = db.note(
        `UPDATE repository_blobs SET touched_at = ?
         WHERE repository = (SELECT id FROM repositories WHERE name = ?) AND digest = ?`,
        at.getTime(),
        repository,
        digest,
      )
      return touched > 0
    },
    async removeBlob(repository, digest) {
      const changes = db.run(
        `DELETE FROM repository_blobs
         WHERE repository = (SELECT id FROM repositories WHERE name = ?) AND digest = ?`,
        repository,
        digest,
      )
      return changes > 0
    },
    async condemnBlob(digest, version) {
      const sql = `UPDATE blobs SET state = 'damaged' WHERE digest = ? AND version = ? AND state = 'stored'`
      return db.run(sql, digest, version) > 0
    },
  }
}

function hold(db: Database, repository: string, digest: Digest, at: Date): void {
  db.run(
    `INSERT INTO repository_blobs (repository, digest, touched_at) VALUES (?, ?, ?)
     ON CONFLICT (repository, digest) DO UPDATE SET touched_at = excluded.touched_at`,
    repositoryId(db, repository),
    digest,
    at.getTime(),
  )
}

function repositoryIndex(db: Database): RepositoryIndex {
  return {
    async hasRepository(repository) {
      return db.get('SELECT 1 FROM repositories WHERE name = ?', repository) !== undefined
    },
    async listRepositories({ after, limit }) {
      const rows = db.all(
        `SELECT r.name FROM repositories r
         WHERE r.name > ? AND EXISTS (SELECT 1 FROM repository_manifests m WHERE m.repository = r.id)
         ORDER BY r.name LIMIT ?`,
        after ?? '',
        limit,
      )
      return rows.map((row) => String(row['name']))
    },
  }
}

function uploadIndex(db: Database): UploadIndex {
  return {
    async addUpload({ id, repository, algorithm, startedAt }) {
      const sql = 'INSERT INTO uploads (id, repository, algorithm, started_at) VALUES (?, ?, ?, ?)'
      db.run(sql, id, repository, algorithm, startedAt.getTime())
    },
    async findUpload(id) {
      const row = db.get('SELECT * FROM uploads WHERE id = ?', id)
      return row === undefined ? undefined : parseUpload(row)
    },
    async removeUpload(id) {
      return db.run('DELETE FROM uploads WHERE id = ?', id) > 0
    },
    async listUploads() {
      return db.all('SELECT * FROM uploads ORDER BY started_at, id').map(parseUpload)
    },
  }
}

function parseUpload(row: Row): UploadSession {
  return {
    id: String(row['id']),
    repository: String(row['repository']),
    algorithm: row['algorithm'] === 'sha512' ? 'sha512' : 'sha256',
    startedAt: new Date(Number(row['started_at'])),
  }
}
