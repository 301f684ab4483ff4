import { MIGRATIONS } from './migrations.ts'
import type { Database, Row } from './sqlite-database.ts'
import { openDatabase, repositoryId } from './sqlite-database.ts'
import { sqliteManifests } from './sqlite-manifests.ts'
import { sqliteRevision } from './sqlite-revision.ts'
import type { BlobIndex, MetadataStore, RepositoryIndex, TagIndex, UploadIndex, UploadSession } from './storage.ts'

/** The registry's facts in one SQLite file; see migrations.ts for the tables. */
export function sqliteMetadata(path: string): MetadataStore {
  const db = openDatabase(path, MIGRATIONS)
  return {
    ...blobIndex(db),
    ...sqliteManifests(db),
    ...tagIndex(db),
    ...repositoryIndex(db),
    ...uploadIndex(db),
    ...sqliteRevision(db),
    async close() {
      db.close()
    },
  }
}

function blobIndex(db: Database): BlobIndex {
  return {
    async findBlob(repository, digest) {
      const row = db.get(
        `SELECT b.size FROM repositories r JOIN repository_blobs m ON m.repository = r.id
         JOIN blobs b ON b.digest = m.digest WHERE r.name = ? AND m.digest = ?`,
        repository,
        digest,
      )
      return row === undefined ? undefined : { digest, size: Number(row['size']) }
    },
    async repositoriesWithBlob(digest, limit) {
      const rows = db.all(
        `SELECT r.name FROM repository_blobs m JOIN repositories r ON r.id = m.repository
         WHERE m.digest = ? ORDER BY r.name LIMIT ?`,
        digest,
        limit,
      )
      return rows.map((row) => String(row['name']))
    },
    async addBlob(repository, { digest, size }, at, upload) {
      db.transaction(() => {
        db.run(
          `INSERT INTO blobs (digest, size, stored_at) VALUES (?, ?, ?)
           ON CONFLICT (digest) DO UPDATE SET size = excluded.size`,
          digest,
          size,
          at.getTime(),
        )
        db.run(
          `INSERT INTO repository_blobs (repository, digest, touched_at) VALUES (?, ?, ?)
           ON CONFLICT (repository, digest) DO UPDATE SET touched_at = excluded.touched_at`,
          repositoryId(db, repository),
          digest,
          at.getTime(),
        )
        if (upload !== undefined) db.run('DELETE FROM uploads WHERE id = ?', upload)
      })
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
    async condemnBlob(digest) {
      db.transaction(() => {
        db.run('DELETE FROM repository_blobs WHERE digest = ?', digest)
        db.run('DELETE FROM blobs WHERE digest = ?', digest)
      })
    },
  }
}

function tagIndex(db: Database): TagIndex {
  return {
    async listTags(repository, { after, limit }) {
      const rows = db.all(
        `SELECT t.name FROM tags t JOIN repositories r ON r.id = t.repository
         WHERE r.name = ? AND t.name > ? ORDER BY t.name LIMIT ?`,
        repository,
        after ?? '',
        limit,
      )
      return rows.map((row) => String(row['name']))
    },
    async removeTag(repository, tag) {
      const sql = 'DELETE FROM tags WHERE repository = (SELECT id FROM repositories WHERE name = ?) AND name = ?'
      return db.run(sql, repository, tag) > 0
    },
  }
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
