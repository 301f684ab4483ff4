import type { Digest } from '../shared/digest.ts'
import { digestAlgorithm, hashFor } from '../shared/digest.ts'
import { AppError } from '../shared/errors.ts'

/** What a blob is known by. */
export interface BlobDescriptor {
  readonly mediaType: string
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
}

/** A manifest with its exact bytes, which have been checked against the digest. */
export interface ManifestDocument {
  readonly digest: Digest
  readonly mediaType: string
  readonly content: Buffer
}

/** Where artifacts are read from: a repository, an OCI layout, or files. */
export interface ContentSource {
  /** For messages. */
  readonly name: string
  /** Behind a tag or a digest; undefined when there is none. */
  manifest(reference: string, signal: AbortSignal): Promise<ManifestDocument | undefined>
  /** The bytes from `start` on. Whoever keeps them checks the digest. */
  blob(blob: BlobDescriptor, start: number, signal: AbortSignal): AsyncIterable<Uint8Array>
  /** The manifests whose subject is `subject` (distribution-spec "Listing Referrers"). */
  referrers(subject: Digest, signal: AbortSignal): Promise<readonly Digest[]>
}

export type BlobOutcome = 'stored' | 'present' | 'mounted'

/** Where artifacts are written to, piece by piece; an archive or a directory of files is written at once instead. */
export interface ContentTarget {
  readonly name: string
  /** Stores the blob unless it is there. `read` gives the bytes from an offset on and may be called again. */
  putBlob(blob: BlobDescriptor, read: ReadFrom, signal: AbortSignal): Promise<BlobOutcome>
  /** Stores it under its digest; everything it points at is there. */
  putManifest(manifest: ManifestDocument, signal: AbortSignal): Promise<void>
  /** Names a stored manifest. */
  tag(manifest: ManifestDocument, tag: string, signal: AbortSignal): Promise<void>
}

export type ReadFrom = (start: number) => AsyncIterable<Uint8Array>

/** distribution-spec "Pushing Manifests": registries need not take more than 4 MiB; ours takes 8. */
export const MAX_MANIFEST_BYTES = 8 * 1024 * 1024

/** @throws `digest-mismatch` */
export function checkManifest(content: Uint8Array, digest: Digest, name: string): void {
  const actual = `${digestAlgorithm(digest)}:${hashFor(digest).update(content).digest('hex')}`
  if (actual === digest) return
  throw new AppError('digest-mismatch', `Cannot use manifest "${name}": its content is ${actual}`)
}
