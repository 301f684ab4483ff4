import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { dataPaths } from '../config.ts'
import { blobPath, databasePath } from '../registry/storage/paths.ts'
import type { Digest } from '../shared/digest.ts'
import { digestAlgorithm, parseDigest } from '../shared/digest.ts'
import { AppError } from '../shared/errors.ts'
import { syncDirectory, writeFileAtomic } from '../shared/files.ts'
import { absent, cannot } from '../shared/system-error.ts'
import type { Clock } from '../shared/time.ts'
import { VERSION } from '../shared/version.ts'
import { copyHashed, hashOf, settle } from './copy.ts'
import { holdBlobs } from './hold.ts'
import type { Manifest, SnapshotFile } from './layout.ts'
import { FORMAT, MANIFEST, PARTIAL, snapshotKind, snapshotName, snapshotsPath, storedBlobPath } from './layout.ts'

/** No backup takes that long. */
const ABANDONED_MS = 7 * 86_400_000

export interface BackupSource {
  readonly dataDir: string
  /** A configuration file to take along. */
  readonly config: string | undefined
}

export interface Backup {
  readonly name: string
  readonly manifest: Manifest
  /** Blobs that the directory did not have yet. */
  readonly copied: { readonly blobs: number; readonly bytes: number }
}

/**
 * Adds a snapshot to the directory `root`, beside a running controller: databases first, through readers of their own, then
 * every blob that they name, while garbage collection waits. So what was acknowledged before it began is in it.
 */
export async function createBackup(
  root: string,
  source: BackupSource,
  clock: Clock,
  signal: AbortSignal,
): Promise<Backup> {
  const held = await holdBlobs(dataPaths(source.dataDir).registry, signal)
  try {
    return await addSnapshot(root, source, { now: clock.now(), assertHeld: held.assertHeld, signal })
  } catch (error) {
    return cannot('backup-failed', `make a backup in "${root}"`)(error)
  } finally {
    held.release()
  }
}

interface Making {
  readonly now: Date
  assertHeld(): void
  readonly signal: AbortSignal
}

async function addSnapshot(root: string, source: BackupSource, making: Making): Promise<Backup> {
  const name = snapshotName(making.now)
  const partial = join(snapshotsPath(root), `${name}${PARTIAL}`)
  await mkdir(snapshotsPath(root), { recursive: true, mode: 0o700 })
  await removeAbandoned(root, making.now)
  await mkdir(partial, { mode: 0o700 })
  const made = await fillSnapshot(root, partial, source, making).catch(async (error: unknown) => {
    await rm(partial, { recursive: true, force: true })
    throw error
  })
  await rename(partial, join(snapshotsPath(root), name))
  await syncDirectory(snapshotsPath(root))
  return { name, ...made }
}

/** What a backup that was killed has left; it holds keys. One that is younger may still be written by another. */
async function removeAbandoned(root: string, now: Date): Promise<void> {
  const latest = `${snapshotName(new Date(now.getTime() - ABANDONED_MS))}${PARTIAL}`
  const names = await readdir(snapshotsPath(root))
  const left = names.filter((name) => snapshotKind(name) === 'partial' && name < latest)
  for (const name of left) await rm(join(snapshotsPath(root), name), { recursive: true, force: true })
}

async function fillSnapshot(
  root: string,
  partial: string,
  { dataDir, config }: BackupSource,
  { now, assertHeld, signal }: Making,
): Promise<Omit<Backup, 'name'>> {
  const paths = dataPaths(dataDir)
  snapshotDatabase(databasePath(paths.registry), join(partial, 'registry.sqlite'))
  snapshotDatabase(paths.database, join(partial, 'controller.db'))
  await copyTree(paths.keys, join(partial, 'keys'), signal)
  await copyTree(paths.tls, join(partial, 'tls'), signal)
  if (config !== undefined) await copyHashed(config, join(partial, 'provisioner.yaml'), { signal })
  const copied = await copyBlobs(root, paths.registry, blobsOf(join(partial, 'registry.sqlite')), signal)
  assertHeld()
  const manifest: Manifest = {
    format: FORMAT,
    created_at: now.toISOString(),
    version: VERSION,
    files: await describeFiles(partial, signal),
    holds: countsOf(partial),
  }
  await writeFileAtomic(join(partial, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, 0o600)
  return { manifest, copied }
}

/** One read transaction (SQLite, "VACUUM INTO"): writers go on meanwhile. */
function snapshotDatabase(from: string, to: string): void {
  const db = new DatabaseSync(from, { readOnly: true })
  try {
    db.exec('PRAGMA busy_timeout = 10000')
    db.prepare('VACUUM INTO ?').run(to)
  } catch (cause) {
    throw new AppError('backup-failed', `Cannot copy the database "${from}"`, { cause })
  } finally {
    db.close()
  }
}

/** Every regular file below `from`, one level deep is all there is. A controller without TLS has no such directory. */
async function copyTree(from: string, to: string, signal: AbortSignal): Promise<void> {
  const names = (await readdir(from).catch(absent)) ?? []
  for (const name of names.filter((each) => !each.endsWith('.partial'))) {
    await copyHashed(join(from, name), join(to, name), { signal })
  }
}

/** Blobs that a snapshot needs. */
export function blobsOf(database: string): readonly { readonly digest: Digest; readonly size: number }[] {
  const db = new DatabaseSync(database, { readOnly: true })
  try {
    const rows = db.prepare("SELECT digest, size FROM blobs WHERE state = 'stored' ORDER BY digest").all()
    return rows.map(({ digest, size }) => ({ digest: parseDigest(String(digest)), size: Number(size) }))
  } finally {
    db.close()
  }
}

async function copyBlobs(root: string, registry: string, blobs: ReturnType<typeof blobsOf>, signal: AbortSignal) {
  const copied = { blobs: 0, bytes: 0 }
  for (const { digest, size } of blobs) {
    signal.throwIfAborted()
    const to = storedBlobPath(root, digest)
    if ((await stat(to).catch(() => undefined))?.size === size) continue
    const accept = (hash: string) => {
      if (!digest.endsWith(`:${hash}`))
        throw new AppError(
          'digest-mismatch',
          `Cannot back up blob ${digest}: it is damaged ("registry scrub" finds all)`,
        )
    }
    await copyHashed(blobPath(registry, digest), to, { algorithm: digestAlgorithm(digest), accept, signal })
    copied.blobs++
    copied.bytes += size
  }
  return copied
}

async function describeFiles(directory: string, signal: AbortSignal): Promise<SnapshotFile[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const described = files.sort().map(async (path) => {
    await settle(path)
    const found = await hashOf(path, 'sha256', signal)
    return { path: relative(directory, path), size: found?.size ?? 0, sha256: found?.hash ?? '' }
  })
  return Promise.all(described)
}

function countsOf(directory: string): Manifest['holds'] {
  const count = (file: string, sql: string): number => {
    const db = new DatabaseSync(join(directory, file), { readOnly: true })
    try {
      return Number(db.prepare(sql).get()?.['n'])
    } finally {
      db.close()
    }
  }
  const rows = (table: string, file = 'registry.sqlite') => count(file, `SELECT COUNT(*) AS n FROM ${table}`)
  return {
    servers: rows('servers', 'controller.db'),
    jobs: rows('jobs', 'controller.db'),
    repositories: rows('repositories'),
    tags: rows('tags'),
    blobs: rows("blobs WHERE state = 'stored'"),
    blob_bytes: count('registry.sqlite', "SELECT COALESCE(SUM(size), 0) AS n FROM blobs WHERE state = 'stored'"),
  }
}
