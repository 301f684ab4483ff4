import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { digestAlgorithm } from '../shared/digest.ts'
import { AppError, errorText, isAppError } from '../shared/errors.ts'
import { cannot } from '../shared/system-error.ts'
import { hashOf } from './copy.ts'
import { blobsOf } from './create.ts'
import type { Manifest } from './layout.ts'
import { FORMAT, isSnapshotFile, MANIFEST, snapshotKind, snapshotsPath, storedBlobPath } from './layout.ts'

export interface Snapshot {
  readonly name: string
  readonly path: string
  readonly manifest: Manifest
}

/** A snapshot whose manifest is not to be read; others are not less good for it. */
export interface Unreadable {
  readonly name: string
  readonly problem: string
}

/** Every finished snapshot, oldest first. @throws `config-invalid` when the directory is none of ours */
export async function listSnapshots(root: string): Promise<(Snapshot | Unreadable)[]> {
  const read = async (name: string) =>
    readSnapshot(root, name).catch((error: unknown) => {
      if (!isAppError(error)) throw error
      return { name, problem: errorText(error) }
    })
  return Promise.all((await namesIn(root)).map(read))
}

/** The named snapshot, or the newest. @throws `not-found`, `config-invalid` */
export async function findSnapshot(root: string, name: string | undefined): Promise<Snapshot> {
  const names = await namesIn(root)
  const found = name === undefined ? names.at(-1) : names.find((each) => each === name)
  if (found === undefined)
    throw new AppError('not-found', `Cannot find the snapshot "${name ?? 'newest'}" in "${root}"`)
  return readSnapshot(root, found).catch((cause: unknown) => {
    if (name !== undefined) throw cause
    throw new AppError('config-invalid', 'Cannot use the newest snapshot (--snapshot NAME takes another)', { cause })
  })
}

/** Of finished snapshots. */
async function namesIn(root: string): Promise<string[]> {
  const entries = await readdir(snapshotsPath(root), { withFileTypes: true }).catch((cause: unknown) => {
    throw new AppError('config-invalid', `Cannot read "${root}": it holds no backups`, { cause })
  })
  const ours = entries.filter((entry) => entry.isDirectory() && snapshotKind(entry.name) === 'finished')
  return ours.map(({ name }) => name).sort()
}

async function readSnapshot(root: string, name: string): Promise<Snapshot> {
  const path = join(snapshotsPath(root), name)
  let manifest: Manifest
  try {
    manifest = JSON.parse(await readFile(join(path, MANIFEST), 'utf8')) as Manifest
  } catch (cause) {
    throw new AppError('config-invalid', `Cannot read the snapshot "${name}": its manifest is missing or damaged`, {
      cause,
    })
  }
  if (manifest.format !== FORMAT)
    throw new AppError(
      'config-invalid',
      `Cannot read the snapshot "${name}": its format is ${manifest.format}, not ${FORMAT}`,
    )
  if (!Array.isArray(manifest.files) || !manifest.files.every(isSnapshotFile))
    throw new AppError('config-invalid', `Cannot read the snapshot "${name}": its manifest names what no backup holds`)
  return { name, path, manifest }
}

/** Reads everything that a snapshot needs; gives the names of what is missing or not what it was. */
export async function verifySnapshot(root: string, snapshot: Snapshot, signal: AbortSignal): Promise<string[]> {
  return damageOf(root, snapshot, signal).catch(cannot('backup-failed', `read the snapshot "${snapshot.name}"`))
}

async function damageOf(root: string, { path, manifest }: Snapshot, signal: AbortSignal): Promise<string[]> {
  const damaged: string[] = []
  for (const file of manifest.files) {
    const found = await hashOf(join(path, file.path), 'sha256', signal)
    if (found?.hash !== file.sha256) damaged.push(file.path)
  }
  // A damaged database names nothing that could be trusted.
  if (damaged.includes('registry.sqlite')) return damaged
  for (const { digest } of blobsOf(join(path, 'registry.sqlite'))) {
    const found = await hashOf(storedBlobPath(root, digest), digestAlgorithm(digest), signal)
    if (found === undefined || !digest.endsWith(`:${found.hash}`)) damaged.push(digest)
  }
  return damaged
}
