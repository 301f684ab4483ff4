import { OciError } from '../errors.ts'
import type { Database } from './sqlite-database.ts'
import type { RemoveOptions, TagIndex } from './storage.ts'

/** A manifest in a repository, by row ids. */
export interface Keys {
  readonly repository: number
  readonly manifest: number
}

/** Names that point at manifests. */
export function sqliteTags(db: Database): TagIndex {
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
    async removeTag(repository, tag, options) {
      return db.transaction(() => {
        const row = db.get(
          `SELECT t.repository, t.manifest FROM tags t JOIN repositories r ON r.id = t.repository
           WHERE r.name = ? AND t.name = ?`,
          repository,
          tag,
        )
        if (row === undefined) return false
        dropTag(db, { repository: Number(row['repository']), manifest: Number(row['manifest']) }, tag, options)
        return true
      })
    },
  }
}

/** Points `tag` at a manifest. @throws TAG_IMMUTABLE when it is fixed and points elsewhere */
export function setTag(db: Database, keys: Keys, tag: string, { at, isFixed }: RemoveOptions): void {
  const row = db.get('SELECT manifest FROM tags WHERE repository = ? AND name = ?', keys.repository, tag)
  const before = row === undefined ? undefined : Number(row['manifest'])
  const moves = before !== undefined && before !== keys.manifest
  if (moves && isFixed?.(tag)) throw new OciError('TAG_IMMUTABLE', { tag })
  db.run(
    `INSERT INTO tags (repository, name, manifest, updated_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (repository, name) DO UPDATE SET manifest = excluded.manifest, updated_at = excluded.updated_at`,
    keys.repository,
    tag,
    keys.manifest,
    at.getTime(),
  )
  if (moves) noteUntagged(db, { repository: keys.repository, manifest: before }, at)
}

/** Removes `tag`, which points at the manifest of `keys`. @throws TAG_IMMUTABLE when it is fixed */
export function dropTag(db: Database, keys: Keys, tag: string, { at, isFixed }: RemoveOptions): void {
  if (isFixed?.(tag)) throw new OciError('TAG_IMMUTABLE', { tag })
  db.run('DELETE FROM tags WHERE repository = ? AND name = ?', keys.repository, tag)
  noteUntagged(db, keys, at)
}

function noteUntagged(db: Database, { repository, manifest }: Keys, at: Date): void {
  db.run(
    `UPDATE repository_manifests SET untagged_at = ?1 WHERE repository = ?2 AND manifest = ?3
     AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.repository = ?2 AND t.manifest = ?3)`,
    at.getTime(),
    repository,
    manifest,
  )
}
