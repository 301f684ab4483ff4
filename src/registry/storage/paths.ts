import { basename, dirname, join } from 'node:path'
import type { Digest } from '../../shared/digest.ts'
import { digestAlgorithm, isDigest } from '../../shared/digest.ts'

/*
 * Where content lies; docs/registry-storage.md has the whole directory:
 *
 *   <root>/
 *     registry.sqlite              repositories, tags, manifests with their bytes, edges, sessions (migrations.ts)
 *     blobs/<algorithm>/<xx>/<hex> verified content; <xx> is the first two digits of <hex>
 *     uploads/<id>                 content still arriving, one file a session
 *
 * All of it is on one file system: a finished upload is renamed to its blob. The 256 shard directories of each algorithm
 * are made at the start, so that a commit has one directory to sync.
 */

const ALGORITHMS = ['sha256', 'sha512'] as const

export function databasePath(root: string): string {
  return join(root, 'registry.sqlite')
}

export function uploadsPath(root: string): string {
  return join(root, 'uploads')
}

/** `id` is one of ours (a UUID), never text of a client. */
export function uploadPath(root: string, id: string): string {
  return join(root, 'uploads', id)
}

export function shardPath(root: string, digest: Digest): string {
  const hex = digest.slice(digest.indexOf(':') + 1)
  return join(root, 'blobs', digestAlgorithm(digest), hex.slice(0, 2))
}

export function blobPath(root: string, digest: Digest): string {
  return join(shardPath(root, digest), digest.slice(digest.indexOf(':') + 1))
}

/** Every shard directory, `blobs/sha256/00` … `blobs/sha512/ff`. */
export function shardPaths(root: string): string[] {
  return ALGORITHMS.flatMap((algorithm) =>
    Array.from({ length: 256 }, (_, index) => join(root, 'blobs', algorithm, index.toString(16).padStart(2, '0'))),
  )
}

/** The digest of the file `name` in a shard directory; undefined for a name that is none, or lies in the wrong shard. */
export function shardDigest(shard: string, name: string): Digest | undefined {
  const digest = `${basename(dirname(shard))}:${name}`
  return isDigest(digest) && name.startsWith(basename(shard)) ? digest : undefined
}
