import { join } from 'node:path'
import type { Digest } from '../shared/digest.ts'
import { digestAlgorithm } from '../shared/digest.ts'

/*
 * A directory of backups:
 *
 *   <root>/                                    0700: it holds keys
 *     blobs/<algorithm>/<xx>/<hex>             content of the registry, once, whichever snapshots need it
 *     snapshots/<time>.partial/                one that is being made
 *     snapshots/<time>/
 *       manifest.json                          what the snapshot holds, with the SHA-256 of each file; written last
 *       controller.db, registry.sqlite         databases as of one moment each
 *       keys/…, tls/…, provisioner.yaml        as they are below the data directory and /etc
 */

export function snapshotsPath(root: string): string {
  return join(root, 'snapshots')
}

export function storedBlobPath(root: string, digest: Digest): string {
  const hex = digest.slice(digest.indexOf(':') + 1)
  return join(root, 'blobs', digestAlgorithm(digest), hex.slice(0, 2), hex)
}

/** Its time, in UTC; names sort as times do. */
export function snapshotName(at: Date): string {
  return at.toISOString().replace(/[:.]/g, '-')
}

export const PARTIAL = '.partial'

/** File managers, NAS systems and other programs have directories of their own beside ours. */
const NAME = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z(?<partial>\.partial)?$/

/** Undefined when it is none of ours. */
export function snapshotKind(name: string): 'finished' | 'partial' | undefined {
  const found = NAME.exec(name)
  if (found === null) return undefined
  return found.groups?.['partial'] === undefined ? 'finished' : 'partial'
}

export const MANIFEST = 'manifest.json'
export const FORMAT = 1

/** What a snapshot holds. Sizes in bytes. */
export interface Manifest {
  readonly format: typeof FORMAT
  readonly created_at: string
  /** Of the program that made it. */
  readonly version: string
  readonly files: readonly SnapshotFile[]
  readonly holds: {
    readonly servers: number
    readonly jobs: number
    readonly repositories: number
    readonly tags: number
    readonly blobs: number
    readonly blob_bytes: number
  }
}

export interface SnapshotFile {
  readonly path: string
  readonly size: number
  readonly sha256: string
}

/** A path that leads elsewhere would have root's restore write there. */
const PATH = /^(controller\.db|registry\.sqlite|provisioner\.yaml|(keys|tls)\/(?!\.\.?$)[^/]+)$/

export function isSnapshotFile(value: unknown): value is SnapshotFile {
  if (typeof value !== 'object' || value === null) return false
  const { path, sha256 } = value as Partial<SnapshotFile>
  return typeof path === 'string' && PATH.test(path) && typeof sha256 === 'string'
}
