import { chmod, chown, mkdir, readdir, rename, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { dataPaths } from '../config.ts'
import { blobPath, databasePath } from '../registry/storage/paths.ts'
import { digestAlgorithm } from '../shared/digest.ts'
import { AppError } from '../shared/errors.ts'
import type { Owner } from '../shared/files.ts'
import { syncDirectory } from '../shared/files.ts'
import { absent, cannot } from '../shared/system-error.ts'
import type { Clock } from '../shared/time.ts'
import { copyHashed } from './copy.ts'
import { blobsOf } from './create.ts'
import type { EndedJob } from './end-jobs.ts'
import { endOpenJobs } from './end-jobs.ts'
import { storedBlobPath } from './layout.ts'
import type { Snapshot } from './snapshots.ts'

/**
 * Makes a data directory of a snapshot. It appears whole, under its name, or not at all; every file and blob is compared with
 * its digest on the way. Jobs that were open when the backup was made are ended in it, and named.
 * @throws `config-invalid` when there is something in `dataDir`; `digest-mismatch` when the backup is damaged; `backup-failed`
 */
export async function restoreSnapshot(
  root: string,
  snapshot: Snapshot,
  dataDir: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly EndedJob[]> {
  const target = resolve(dataDir)
  return makeData(root, snapshot, target, clock, signal).catch(cannot('backup-failed', `restore to "${target}"`))
}

async function makeData(
  root: string,
  { path, manifest }: Snapshot,
  target: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly EndedJob[]> {
  const former = await emptyDirectory(target)
  const partial = `${target}.restoring`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true, mode: 0o700 })
  const paths = dataPaths(partial)
  let ended: readonly EndedJob[]
  try {
    for (const file of manifest.files) {
      const to = file.path === 'registry.sqlite' ? databasePath(paths.registry) : join(partial, file.path)
      await copyHashed(join(path, file.path), to, { accept: expecting(file.sha256, file.path), signal })
      // Public halves of keys and certificates, as they were.
      if (/\.(pub|pem)$/.test(file.path) && file.path !== 'keys/task.pem') await chmod(to, 0o644)
    }
    for (const { digest } of blobsOf(join(path, 'registry.sqlite'))) {
      signal.throwIfAborted()
      const hash = digest.slice(digest.indexOf(':') + 1)
      const options = { algorithm: digestAlgorithm(digest), accept: expecting(hash, digest), signal }
      await copyHashed(storedBlobPath(root, digest), blobPath(paths.registry, digest), options)
    }
    ended = endOpenJobs(paths.database, clock.now())
    if (former !== undefined) await giveTo(partial, former)
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  }
  if (former !== undefined) {
    await rmdir(target).catch(async (cause: unknown) => {
      await rm(partial, { recursive: true, force: true })
      throw new AppError(
        'config-invalid',
        `Cannot restore to "${target}": it cannot be replaced; name a directory below it`,
        { cause },
      )
    })
  }
  await rename(partial, target)
  await syncDirectory(dirname(target))
  return ended
}

function expecting(hash: string, what: string): (found: string) => void {
  return (found) => {
    if (found !== hash) throw new AppError('digest-mismatch', `Cannot restore ${what}: the backup of it is damaged`)
  }
}

/** Undefined when it is not there. @throws `config-invalid` when something is in it */
async function emptyDirectory(path: string): Promise<Owner | undefined> {
  const present = await stat(path).catch(absent)
  if (present === undefined) return undefined
  if (!present.isDirectory() || (await readdir(path)).length > 0)
    throw new AppError(
      'config-invalid',
      `Cannot restore to "${path}": it is not empty, and nothing is ever overwritten`,
    )
  return present
}

/** To the owner of the directory it replaces: root restores, the service reads. */
async function giveTo(directory: string, { uid, gid }: Owner): Promise<void> {
  await chown(directory, uid, gid)
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    await chown(join(entry.parentPath, entry.name), uid, gid)
  }
}
