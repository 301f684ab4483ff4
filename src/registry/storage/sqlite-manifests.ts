import { attachedTagsOf } from '../../shared/attached-tags.ts'
import type { Digest } from '../../shared/digest.ts'
import { OciError } from '../errors.ts'
import type { Database, Row } from './sqlite-database.ts'
import { digestColumn, repositoryId } from './sqlite-database.ts'
import type { Keys } from './sqlite-tags.ts'
import { setTag } from './sqlite-tags.ts'
import type { ManifestEdges, ManifestHead, ManifestIndex, RemoveOptions, StoredManifest } from './storage.ts'

type Reference = { readonly digest: Digest } | { readonly tag: string }

/** Also when the stored bytes are damaged: it can still be removed. */
export const LINKED = `FROM repositories r JOIN repository_manifests m ON m.repository = r.id
  JOIN manifests c ON c.id = m.manifest WHERE r.name = ? AND c.digest = ?`
const BY_DIGEST = `${LINKED} AND c.damaged = 0`
const BY_TAG = `FROM repositories r JOIN tags t ON t.repository = r.id
  JOIN repository_manifests m ON m.repository = r.id AND m.manifest = t.manifest
  JOIN manifests c ON c.id = m.manifest WHERE r.name = ? AND t.name = ? AND c.damaged = 0`
const HEAD = 'c.digest, c.size, m.media_type'
const FULL = `${HEAD}, c.content, m.subject, m.artifact_type, m.annotations`

/** Manifests, their edges and tags; every change is one transaction. */
export function sqliteManifests(db: Database): ManifestIndex {
  const find = (columns: string, repository: string, reference: Reference) =>
    'digest' in reference
      ? db.get(`SELECT ${columns} ${BY_DIGEST}`, repository, reference.digest)
      : db.get(`SELECT ${columns} ${BY_TAG}`, repository, reference.tag)
  return {
    async headManifest(repository, reference) {
      const row = find(HEAD, repository, reference)
      return row === undefined ? undefined : parseHead(row)
    },
    async findManifest(repository, reference) {
      const row = find(FULL, repository, reference)
      return row === undefined ? undefined : parseManifest(row)
    },
    async putManifest(repository, manifest, { edges, tags, sparse, ...options }) {
      return db.transaction(() => {
        const missing = sparse ? [] : missingTargets(db, repository, edges)
        if (missing.length === 0) {
          const keys = { repository: repositoryId(db, repository), manifest: storeContent(db, manifest, edges) }
          link(db, keys, manifest, options.at)
          for (const tag of tags) setTag(db, keys, tag, options)
        }
        return missing
      })
    },
    async removeManifest(repository, digest, options) {
      return db.transaction(() => {
        const row = db.get(`SELECT m.repository, m.manifest ${LINKED}`, repository, digest)
        if (row === undefined) return false
        const keys = { repository: Number(row['repository']), manifest: Number(row['manifest']) }
        unlinkManifest(db, keys, digest, options)
        return true
      })
    },
    async listReferrers(repository, subject) {
      const rows = db.all(
        `SELECT ${HEAD}, m.artifact_type, m.annotations FROM repositories r
         JOIN repository_manifests m ON m.repository = r.id JOIN manifests c ON c.id = m.manifest
         WHERE r.name = ? AND m.subject = ? AND c.damaged = 0 ORDER BY c.digest`,
        repository,
        subject,
      )
      return rows.map((row) => ({ ...parseHead(row), ...parseReferrerFacts(row) }))
    },
  }
}

function missingTargets(db: Database, repository: string, { blobs, manifests }: ManifestEdges): readonly Digest[] {
  const hasBlob = (digest: Digest) =>
    db.get(
      `SELECT 1 FROM repository_blobs m JOIN repositories r ON r.id = m.repository
       JOIN blobs b ON b.digest = m.digest AND b.state = 'stored' WHERE r.name = ? AND m.digest = ?`,
      repository,
      digest,
    ) !== undefined
  const hasManifest = (digest: Digest) => db.get(`SELECT 1 ${BY_DIGEST}`, repository, digest) !== undefined
  return [...blobs.filter((digest) => !hasBlob(digest)), ...manifests.filter((digest) => !hasManifest(digest))]
}

function storeContent(db: Database, { digest, content }: StoredManifest, edges: ManifestEdges): number {
  const added = db.run(
    `INSERT INTO manifests (digest, size, content) VALUES (?, ?, ?)
     ON CONFLICT (digest) DO UPDATE SET content = excluded.content, size = excluded.size, damaged = 0
       WHERE damaged = 1 OR content <> excluded.content`,
    digest,
    content.length,
    content,
  )
  const id = Number(db.get('SELECT id FROM manifests WHERE digest = ?', digest)?.['id'])
  if (added === 0) return id
  const edge = 'INSERT INTO manifest_edges (manifest, target, kind) VALUES (?, ?, ?) ON CONFLICT DO NOTHING'
  for (const target of edges.blobs) db.run(edge, id, target, 'blob')
  for (const target of edges.manifests) db.run(edge, id, target, 'manifest')
  return id
}

function link(db: Database, keys: Keys, manifest: StoredManifest, at: Date): void {
  db.run(
    `INSERT INTO repository_manifests (repository, manifest, media_type, subject, artifact_type, annotations, pushed_at)
     VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (repository, manifest) DO UPDATE SET media_type = excluded.media_type, pushed_at = excluded.pushed_at,
       released_at = NULL, untagged_at = NULL`,
    keys.repository,
    keys.manifest,
    manifest.mediaType,
    manifest.subject ?? null,
    manifest.artifactType ?? null,
    manifest.annotations === undefined ? null : JSON.stringify(manifest.annotations),
    at.getTime(),
  )
}

/** One repository forgets a manifest and its tags (ON DELETE CASCADE); what nobody else holds of it goes too. */
export function unlinkManifest(db: Database, keys: Keys, digest: Digest, { at, isFixed }: RemoveOptions): void {
  const { repository, manifest } = keys
  const tags = db.all('SELECT name FROM tags WHERE repository = ? AND manifest = ?', repository, manifest)
  const fixed = tags.map((row) => String(row['name'])).find((tag) => isFixed?.(tag))
  if (fixed !== undefined) throw new OciError('TAG_IMMUTABLE', { tag: fixed })
  // Its blobs stay for another grace: for pulls that are under way, and for whoever removed it by mistake.
  db.run(
    `UPDATE repository_blobs SET touched_at = ?
     WHERE repository = ? AND digest IN (SELECT target FROM manifest_edges WHERE manifest = ?)`,
    at.getTime(),
    repository,
    manifest,
  )
  release(db, keys, digest, at)
  db.run('DELETE FROM repository_manifests WHERE repository = ? AND manifest = ?', repository, manifest)
  db.run(
    `DELETE FROM manifests WHERE id = ?
     AND NOT EXISTS (SELECT 1 FROM repository_manifests m WHERE m.manifest = manifests.id)`,
    manifest,
  )
}

/** What an index lists, and what is attached to a manifest, by its subject or by a tag. */
function release(db: Database, { repository, manifest }: Keys, digest: Digest, at: Date): void {
  const release = 'UPDATE repository_manifests SET released_at = ? WHERE repository = ? AND'
  const time = at.getTime()
  db.run(
    `${release} manifest IN (SELECT c.id FROM manifest_edges e JOIN manifests c ON c.digest = e.target WHERE e.manifest = ?)`,
    time,
    repository,
    manifest,
  )
  db.run(`${release} subject = ?`, time, repository, digest)
  const names = JSON.stringify(attachedTagsOf(digest))
  db.run(
    `${release} manifest IN (SELECT manifest FROM tags WHERE repository = ? AND name IN (SELECT value FROM json_each(?)))`,
    time,
    repository,
    repository,
    names,
  )
}

function parseHead(row: Row): ManifestHead {
  return { digest: digestColumn(row, 'digest'), mediaType: String(row['media_type']), size: Number(row['size']) }
}

function parseManifest(row: Row): StoredManifest {
  const { digest, mediaType } = parseHead(row)
  const content = row['content'] instanceof Uint8Array ? row['content'] : new Uint8Array()
  const subject = row['subject'] === null ? undefined : digestColumn(row, 'subject')
  return { digest, mediaType, content, subject, ...parseReferrerFacts(row) }
}

function parseReferrerFacts(row: Row): Pick<StoredManifest, 'artifactType' | 'annotations'> {
  const { artifact_type: artifactType, annotations } = row
  return {
    artifactType: typeof artifactType === 'string' ? artifactType : undefined,
    annotations: typeof annotations === 'string' ? JSON.parse(annotations) : undefined,
  }
}
