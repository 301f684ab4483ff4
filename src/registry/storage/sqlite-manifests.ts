import type { Digest } from '../../shared/digest.ts'
import type { Database, Row } from './sqlite-database.ts'
import { digestColumn, repositoryId } from './sqlite-database.ts'
import type { ManifestEdges, ManifestHead, ManifestIndex, StoredManifest } from './storage.ts'

type Reference = { readonly digest: Digest } | { readonly tag: string }

const BY_DIGEST = `FROM repositories r JOIN repository_manifests m ON m.repository = r.id
  JOIN manifests c ON c.id = m.manifest WHERE r.name = ? AND c.digest = ?`
const BY_TAG = `FROM repositories r JOIN tags t ON t.repository = r.id
  JOIN repository_manifests m ON m.repository = r.id AND m.manifest = t.manifest
  JOIN manifests c ON c.id = m.manifest WHERE r.name = ? AND t.name = ?`
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
    async putManifest(repository, manifest, { edges, tags, sparse, at }) {
      return db.transaction(() => {
        const missing = sparse ? [] : missingTargets(db, repository, edges)
        if (missing.length === 0) {
          const keys = { repository: repositoryId(db, repository), manifest: storeContent(db, manifest, edges) }
          link(db, keys, manifest, at)
          for (const tag of tags) setTag(db, keys, tag, at)
        }
        return missing
      })
    },
    async removeManifest(repository, digest) {
      return db.transaction(() => remove(db, repository, digest))
    },
    async listReferrers(repository, subject) {
      const rows = db.all(
        `SELECT ${HEAD}, m.artifact_type, m.annotations FROM repositories r
         JOIN repository_manifests m ON m.repository = r.id JOIN manifests c ON c.id = m.manifest
         WHERE r.name = ? AND m.subject = ? ORDER BY c.digest`,
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
      'SELECT 1 FROM repository_blobs m JOIN repositories r ON r.id = m.repository WHERE r.name = ? AND m.digest = ?',
      repository,
      digest,
    ) !== undefined
  const hasManifest = (digest: Digest) => db.get(`SELECT 1 ${BY_DIGEST}`, repository, digest) !== undefined
  return [...blobs.filter((digest) => !hasBlob(digest)), ...manifests.filter((digest) => !hasManifest(digest))]
}

function storeContent(db: Database, { digest, content }: StoredManifest, edges: ManifestEdges): number {
  const added = db.run(
    'INSERT INTO manifests (digest, size, content) VALUES (?, ?, ?) ON CONFLICT (digest) DO NOTHING',
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

interface Keys {
  readonly repository: number
  readonly manifest: number
}

function link(db: Database, keys: Keys, manifest: StoredManifest, at: Date): void {
  db.run(
    `INSERT INTO repository_manifests (repository, manifest, media_type, subject, artifact_type, annotations, pushed_at)
     VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (repository, manifest) DO UPDATE SET media_type = excluded.media_type, pushed_at = excluded.pushed_at`,
    keys.repository,
    keys.manifest,
    manifest.mediaType,
    manifest.subject ?? null,
    manifest.artifactType ?? null,
    manifest.annotations === undefined ? null : JSON.stringify(manifest.annotations),
    at.getTime(),
  )
}

function setTag(db: Database, keys: Keys, tag: string, at: Date): void {
  db.run(
    `INSERT INTO tags (repository, name, manifest, updated_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (repository, name) DO UPDATE SET manifest = excluded.manifest, updated_at = excluded.updated_at`,
    keys.repository,
    tag,
    keys.manifest,
    at.getTime(),
  )
}

function remove(db: Database, repository: string, digest: Digest): boolean {
  // The tags go with it: ON DELETE CASCADE.
  const removed = db.run(
    `DELETE FROM repository_manifests WHERE repository = (SELECT id FROM repositories WHERE name = ?)
     AND manifest = (SELECT id FROM manifests WHERE digest = ?)`,
    repository,
    digest,
  )
  if (removed > 0) {
    db.run(
      `DELETE FROM manifests WHERE digest = ?
       AND NOT EXISTS (SELECT 1 FROM repository_manifests m WHERE m.manifest = manifests.id)`,
      digest,
    )
  }
  return removed > 0
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
