import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'vitest'
import { blobPath, databasePath, shardPaths, uploadsPath } from '../../../src/registry/storage/paths.ts'
import type { Digest } from '../../../src/shared/digest.ts'
import { parseDigest } from '../../../src/shared/digest.ts'
import { ask, expectStatus, pullWhole } from './client.ts'
import type { Entry, Known } from './known.ts'

/** What is true of the data directory after every start, whatever happened before. Reads it beside the registry. */
export function checkStorage(root: string): { readonly orphans: number; readonly blobs: number } {
  const db = new DatabaseSync(databasePath(root), { readOnly: true })
  const rows = (sql: string) => db.prepare(sql).all()
  try {
    expect(rows('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }])
    expect(rows('PRAGMA foreign_key_check')).toEqual([])
    expect(rows("SELECT digest, state FROM blobs WHERE state <> 'stored'"), 'damaged or half deleted').toEqual([])
    const blobs = rows('SELECT digest, size FROM blobs').map((row) => checkBlob(root, row))
    for (const { digest, content } of rows('SELECT digest, content FROM manifests')) {
      expect(hashOf(parseDigest(String(digest)), content as Uint8Array)).toBe(digest)
    }
    expect(rows(MISSING_BLOBS), 'blobs of manifests').toEqual([])
    expect(rows(MISSING_MANIFESTS), 'entries of indexes').toEqual([])
    const sessions = rows('SELECT id FROM uploads ORDER BY id').map(({ id }) => id)
    expect(readdirSync(uploadsPath(root)).sort(), 'files and rows of uploads').toEqual(sessions)
    const orphans = orphansOf(root, new Set(blobs))
    return { orphans: orphans.length, blobs: blobs.length }
  } finally {
    db.close()
  }
}

/** Nothing here is sparse, and no client deletes blobs: what a manifest names is in its repository. */
const MISSING_BLOBS = `SELECT rm.repository, e.target FROM repository_manifests rm
  JOIN manifest_edges e ON e.manifest = rm.manifest AND e.kind = 'blob'
  WHERE NOT EXISTS (SELECT 1 FROM repository_blobs m WHERE m.repository = rm.repository AND m.digest = e.target)`
const MISSING_MANIFESTS = `SELECT rm.repository, e.target FROM repository_manifests rm
  JOIN manifest_edges e ON e.manifest = rm.manifest AND e.kind = 'manifest'
  WHERE NOT EXISTS (SELECT 1 FROM manifests c JOIN repository_manifests p ON p.manifest = c.id
    WHERE p.repository = rm.repository AND c.digest = e.target)`

function checkBlob(root: string, row: Readonly<Record<string, unknown>>): Digest {
  const digest = parseDigest(String(row['digest']))
  const path = blobPath(root, digest)
  expect(existsSync(path), `file of ${digest}`).toBe(true)
  const content = readFileSync(path)
  expect(content.length, `size of ${digest}`).toBe(row['size'])
  expect(hashOf(digest, content)).toBe(digest)
  return digest
}

function hashOf(digest: Digest, content: Uint8Array): string {
  const [algorithm = ''] = digest.split(':')
  return `${algorithm}:${createHash(algorithm).update(content).digest('hex')}`
}

function orphansOf(root: string, known: ReadonlySet<Digest>): readonly string[] {
  return shardPaths(root).flatMap((shard) => {
    const algorithm = shard.includes('/sha512/') ? 'sha512' : 'sha256'
    return readdirSync(shard)
      .filter((name) => !known.has(parseDigest(`${algorithm}:${name}`)))
      .map((name) => join(shard, name))
  })
}

export interface Look {
  /** Power was lost: what was not synced may be gone. */
  readonly power: boolean
  /** Pulls that many manifests with all their blobs; the bytes on the disk are compared by checkStorage. */
  readonly pulls: number
}

/** What was acknowledged is there and right; what was under way is there and right, or not there. Makes it all certain. */
export async function checkKnown(url: string, known: Known, look: Look): Promise<void> {
  await Promise.all(
    [...known.manifests.values()].map((entry, index) => checkManifest(url, known, entry, index < look.pulls)),
  )
  await Promise.all([...known.tags].map(([tag, values]) => checkTag(url, known, tag, values)))
  for (const [location, { acknowledged }] of known.sessions) {
    const response = await ask(url + location, 'GET')
    // The bytes of a session are not synced before its end: the loss of power may take them, and then it all.
    if (look.power) {
      expect([204, 404]).toContain(response.status)
      known.sessions.delete(location)
      continue
    }
    expectStatus(response, 204)
    expect(Number(response.range.split('-')[1]) + 1).toBeGreaterThanOrEqual(acknowledged)
  }
}

async function checkManifest(url: string, known: Known, entry: Entry, pulled: boolean): Promise<void> {
  const { digest } = entry.manifest
  const head = await ask(`${url}/v2/${known.repository}/manifests/${digest}`, 'HEAD')
  if (head.status === 404 && entry.state === 'maybe') {
    known.manifests.delete(digest)
    return
  }
  expect(head.status, `manifest ${digest} of ${known.repository}`).toBe(200)
  if (pulled) await pullWhole(url, known.repository, entry.manifest)
  if (!entry.released) entry.state = 'yes'
}

async function checkTag(
  url: string,
  known: Known,
  tag: string,
  values: ReadonlySet<Digest | undefined>,
): Promise<void> {
  const head = await ask(`${url}/v2/${known.repository}/manifests/${tag}`, 'HEAD')
  const at = head.status === 404 ? undefined : parseDigest(head.digest)
  expect([...values], `tag ${tag} of ${known.repository}`).toContain(at)
  known.tags.set(tag, new Set([at]))
}
