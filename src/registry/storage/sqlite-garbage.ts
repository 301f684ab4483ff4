import { isDigest } from '../../shared/digest.ts'
import type { Database, Row } from './sqlite-database.ts'
import { digestColumn } from './sqlite-database.ts'
import { LINKED, unlinkManifest } from './sqlite-manifests.ts'
import { dropTag } from './sqlite-tags.ts'
import type { GarbageIndex, ManifestFacts, ReclaimableBlob, RepositoryContents } from './storage.ts'

/** A manifest of the same repository points at the blob of the membership `m`. */
const NEEDED = `SELECT 1 FROM manifest_edges e
  JOIN repository_manifests rm ON rm.manifest = e.manifest AND rm.repository = m.repository WHERE e.target = m.digest`

/** Rows looked at in one step of a walk that the caller does not size. */
const STEP = 500

/** The queries of garbage collection; each one looks at a bounded number of rows, by an index. */
export function sqliteGarbage(db: Database): GarbageIndex {
  return {
    async garbageRepositories(released) {
      const rows =
        released === undefined
          ? db.all(
              'SELECT r.name FROM repositories r WHERE EXISTS (SELECT 1 FROM tags t WHERE t.repository = r.id) OR EXISTS (SELECT 1 FROM repository_manifests m WHERE m.repository = r.id) ORDER BY r.name',
            )
          : db.all(
              `SELECT DISTINCT r.name FROM repository_manifests m JOIN repositories r ON r.id = m.repository
               WHERE m.released_at IS NOT NULL AND m.released_at <= ? ORDER BY r.name`,
              released.getTime(),
            )
      return rows.map((row) => String(row['name']))
    },
    contents: async (repository) => contents(db, repository),
    async expireTag(repository, { name, digest, updatedAt }, at) {
      return db.transaction(() => {
        const row = db.get(
          `SELECT m.repository, m.manifest ${LINKED} AND EXISTS (SELECT 1 FROM tags t WHERE t.repository = m.repository
           AND t.manifest = m.manifest AND t.name = ? AND t.updated_at <= ?)`,
          repository,
          digest,
          name,
          updatedAt.getTime(),
        )
        if (row === undefined) return false
        dropTag(db, { repository: Number(row['repository']), manifest: Number(row['manifest']) }, name, { at })
        return true
      })
    },
    async collectManifest(repository, manifest, { tags, at }) {
      return db.transaction(() => {
        const row = db.get(
          `SELECT m.repository, m.manifest, m.subject, m.pushed_at ${LINKED}`,
          repository,
          manifest.digest,
        )
        if (row === undefined || Number(row['pushed_at']) > manifest.pushedAt.getTime()) return false
        const keys = { repository: Number(row['repository']), manifest: Number(row['manifest']) }
        if (isHeld(db, { ...keys, digest: manifest.digest, subject: row['subject'] ?? null, tags })) return false
        unlinkManifest(db, keys, manifest.digest, { at })
        return true
      })
    },
    lapseBlobs: async (before, from, limit) => lapseBlobs(db, before, from, limit),
    async unheldBlobs(from, limit) {
      const rows = db.all(
        `SELECT b.digest, b.size, NOT EXISTS (SELECT 1 FROM repository_blobs m WHERE m.digest = b.digest) AS unheld
         FROM blobs b WHERE b.digest > ? ORDER BY b.digest LIMIT ?`,
        from,
        limit,
      )
      const blobs = rows.filter((row) => row['unheld'] === 1).map(parseBlob)
      const next = rows.length < limit ? undefined : String(rows.at(-1)?.['digest'])
      return { blobs, ...(next !== undefined && { next }) }
    },
    async startDeleting(digest) {
      const sql = `UPDATE blobs SET state = 'deleting' WHERE digest = ?1
        AND NOT EXISTS (SELECT 1 FROM repository_blobs m WHERE m.digest = ?1)`
      return db.run(sql, digest) > 0
    },
    async finishDeleting(digest) {
      db.run(`DELETE FROM blobs WHERE digest = ? AND state = 'deleting'`, digest)
    },
    async interruptedDeletions() {
      return db.all(`SELECT digest FROM blobs WHERE state = 'deleting'`).map((row) => digestColumn(row, 'digest'))
    },
    knowsBlob: async (digest) => db.get('SELECT 1 FROM blobs WHERE digest = ?', digest) !== undefined,
    reclaimable: (before, doomed) => reclaimable(db, before, doomed),
  }
}

function contents(db: Database, repository: string): RepositoryContents {
  const id = Number(db.get('SELECT id FROM repositories WHERE name = ?', repository)?.['id'] ?? 0)
  const edges = db.all(
    `SELECT e.manifest, e.target FROM manifest_edges e
     JOIN repository_manifests m ON m.manifest = e.manifest AND m.repository = ? WHERE e.kind = 'manifest'`,
    id,
  )
  const children = Map.groupBy(edges, (row) => row['manifest'])
  const manifests = db
    .all(
      'SELECT c.digest, m.* FROM repository_manifests m JOIN manifests c ON c.id = m.manifest WHERE m.repository = ?',
      id,
    )
    .map((row) => parseFacts(row, children.get(row['manifest'] ?? null) ?? []))
  const tags = db
    .all(
      'SELECT t.name, t.updated_at, c.digest FROM tags t JOIN manifests c ON c.id = t.manifest WHERE t.repository = ?',
      id,
    )
    .map((row) => ({
      name: String(row['name']),
      digest: digestColumn(row, 'digest'),
      updatedAt: new Date(Number(row['updated_at'])),
    }))
  return { manifests, tags }
}

function parseFacts(row: Row, children: readonly Row[]): ManifestFacts {
  const time = (name: string) => (row[name] === null ? undefined : new Date(Number(row[name])))
  const subject = String(row['subject'])
  return {
    digest: digestColumn(row, 'digest'),
    pushedAt: new Date(Number(row['pushed_at'])),
    subject: isDigest(subject) ? subject : undefined,
    children: children.map((child) => digestColumn(child, 'target')),
    releasedAt: time('released_at'),
    untaggedAt: time('untagged_at'),
  }
}

interface Held {
  readonly repository: number
  readonly manifest: number
  readonly digest: string
  readonly subject: Row[string]
  readonly tags: readonly string[]
}

function isHeld(db: Database, { repository, manifest, digest, subject, tags }: Held): boolean {
  const tag = `SELECT 1 FROM tags WHERE repository = ? AND manifest = ? AND name NOT IN (SELECT value FROM json_each(?))`
  const parent = `SELECT 1 FROM manifest_edges e JOIN repository_manifests p ON p.manifest = e.manifest
    WHERE p.repository = ? AND e.target = ? AND e.manifest <> ?`
  const present = `SELECT 1 FROM repository_manifests p JOIN manifests c ON c.id = p.manifest
    WHERE p.repository = ? AND c.digest = ? AND p.manifest <> ?`
  return (
    db.get(tag, repository, manifest, JSON.stringify(tags)) !== undefined ||
    db.get(parent, repository, digest, manifest) !== undefined ||
    db.get(present, repository, subject ?? null, manifest) !== undefined
  )
}

function lapseBlobs(db: Database, before: Date, from: string, limit: number) {
  const [repository = '0', digest = ''] = from.split(' ')
  const rows = db.all(
    `SELECT m.repository, m.digest, CASE WHEN m.touched_at <= ? THEN NOT EXISTS (${NEEDED}) ELSE 0 END AS lapsed
     FROM repository_blobs m WHERE (m.repository, m.digest) > (?, ?) ORDER BY m.repository, m.digest LIMIT ?`,
    before.getTime(),
    Number(repository),
    digest,
    limit,
  )
  const lapsed = rows.filter((row) => row['lapsed'] === 1)
  const remove = `DELETE FROM repository_blobs AS m
    WHERE m.repository = ? AND m.digest = ? AND m.touched_at <= ? AND NOT EXISTS (${NEEDED})`
  if (lapsed.length > 0) {
    db.transaction(() => {
      for (const row of lapsed) db.run(remove, Number(row['repository']), String(row['digest']), before.getTime())
    })
  }
  const last = rows.length < limit ? undefined : rows.at(-1)
  return { lapsed: lapsed.length, ...(last && { next: `${last['repository']} ${last['digest']}` }) }
}

async function* reclaimable(
  db: Database,
  before: Date,
  doomed: Parameters<GarbageIndex['reclaimable']>[1],
): AsyncGenerator<readonly ReclaimableBlob[]> {
  db.run('CREATE TEMP TABLE IF NOT EXISTS doomed (repository INTEGER, manifest INTEGER)')
  db.run('CREATE INDEX IF NOT EXISTS temp.doomed_pairs ON doomed (repository, manifest)')
  db.run('DELETE FROM doomed')
  for (const [repository, digests] of doomed) {
    for (const digest of digests)
      db.run(`INSERT INTO doomed SELECT m.repository, m.manifest ${LINKED}`, repository, digest)
  }
  const spared = `${NEEDED} AND NOT EXISTS (SELECT 1 FROM doomed d WHERE d.repository = rm.repository AND d.manifest = rm.manifest)`
  for (let from: string | undefined = ''; from !== undefined; ) {
    const rows = db.all(
      `SELECT b.digest, b.size,
         EXISTS (SELECT 1 FROM repository_blobs m WHERE m.digest = b.digest AND EXISTS (${spared})) AS needed,
         EXISTS (SELECT 1 FROM repository_blobs m WHERE m.digest = b.digest AND m.touched_at > ?) AS waiting
       FROM blobs b WHERE b.digest > ? ORDER BY b.digest LIMIT ?`,
      before.getTime(),
      from,
      STEP,
    )
    yield rows.filter((row) => row['needed'] === 0).map((row) => ({ ...parseBlob(row), waiting: row['waiting'] === 1 }))
    from = rows.length < STEP ? undefined : String(rows.at(-1)?.['digest'])
  }
}

function parseBlob(row: Row) {
  return { digest: digestColumn(row, 'digest'), size: Number(row['size']) }
}
