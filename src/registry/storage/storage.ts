import type { Digest } from '../../shared/digest.ts'

/*
 * What a storage backend must do. Bytes live in a BlobStore and an UploadStore (files here, objects in S3), facts in a
 * MetadataStore (SQLite here, PostgreSQL later). A backend is done when the contracts in test/registry/storage pass.
 */

/** Verified content by digest. Which repository may see it is the MetadataStore's business. */
export interface BlobStore {
  /** @throws BLOB_UNKNOWN. The reader stays valid when the blob is deleted or replaced meanwhile. */
  open(digest: Digest): Promise<BlobReader>
  /** Deleting what is absent is no error. After a power failure the content may be there again, as an orphan. */
  delete(digest: Digest): Promise<void>
  /** Everything there is, in steps of any size, in no order; what is stored or deleted meanwhile may be missing. */
  list(): AsyncIterable<readonly ListedBlob[]>
  /** Bytes that can still be stored; Infinity when the backend has no limit. */
  freeBytes(): Promise<number>
}

export interface ListedBlob extends StoredBlob {
  /** When it was stored, as far as the backend knows. */
  readonly storedAt: Date
}

export interface BlobReader {
  readonly size: number
  /** Fills `buffer` from `position` on and returns the bytes read: fewer only at the end, 0 behind it. */
  read(buffer: Uint8Array, position: number): Promise<number>
  close(): Promise<void>
}

/** Content that is still arriving, by session id. It survives a restart up to what `size` reports. */
export interface UploadStore {
  create(id: string): Promise<void>
  /** @throws BLOB_UPLOAD_UNKNOWN. The caller makes sure there is one writer an id. */
  append(id: string): Promise<UploadWriter>
  /** The bytes received so far, to hash them again. @throws BLOB_UPLOAD_UNKNOWN */
  read(id: string): AsyncIterable<Uint8Array>
  /**
   * Reads what has arrived so far, and what arrives while it is open: a read ends early where the content ends now.
   * It stays valid after commit or removal. @throws BLOB_UPLOAD_UNKNOWN
   */
  open(id: string): Promise<BlobReader>
  /** Bytes received; undefined when there is no such upload. */
  size(id: string): Promise<number | undefined>
  /**
   * Makes the content durable under `digest`, which the caller has verified, and ends the upload. What was stored under
   * that digest before is replaced, so that pushing again heals rot. Durable when it resolves: power may fail.
   */
  commit(id: string, digest: Digest): Promise<void>
  /** Removing what is absent is no error. */
  remove(id: string): Promise<void>
  list(): Promise<readonly { readonly id: string; readonly lastActivity: Date }[]>
}

export interface UploadWriter {
  /** Bytes received when the writer was opened, plus those appended since. */
  readonly size: number
  append(chunks: readonly Uint8Array[]): Promise<void>
  close(): Promise<void>
}

export interface Page {
  /** Exclusive, need not exist; undefined starts at the beginning. */
  readonly after: string | undefined
  readonly limit: number
}

export interface StoredBlob {
  readonly digest: Digest
  readonly size: number
}

export interface FoundBlob extends StoredBlob {
  /** Another number whenever the content is stored, also after it was gone. */
  readonly version: number
  /** When a client last pushed, mounted or asked for it in this repository. */
  readonly touchedAt: Date
}

/** Which repository holds which blob. Damaged blobs and those being deleted are unknown to all of it. */
export interface BlobIndex {
  findBlob(repository: string, digest: Digest): Promise<FoundBlob | undefined>
  /** Repositories that hold the blob, for a mount without `from`; in name order. */
  repositoriesWithBlob(digest: Digest, limit: number): Promise<readonly string[]>
  /** Records verified content as part of a repository; ends `upload` in the same transaction. */
  addBlob(repository: string, blob: StoredBlob, at: Date, upload?: string): Promise<void>
  /** The blob of one repository becomes one of another too. False when `from` does not hold it (any more). */
  mountBlob(digest: Digest, from: string, to: string, at: Date): Promise<boolean>
  /** Keeps garbage collection away for another while. False when the repository holds no such blob. Need not be durable. */
  touchBlob(repository: string, digest: Digest, at: Date): Promise<boolean>
  /** Only the repository forgets it. False when it had no such blob. */
  removeBlob(repository: string, digest: Digest): Promise<boolean>
  /**
   * The stored bytes of that version are damaged: unknown to all until the content is pushed again, which heals it for
   * every repository. False when it has been stored again since.
   */
  condemnBlob(digest: Digest, version: number): Promise<boolean>
}

/** One manifest of a repository, as pushed. */
export interface StoredManifest {
  readonly digest: Digest
  readonly mediaType: string
  /** The exact bytes. */
  readonly content: Uint8Array
  readonly subject: Digest | undefined
  /** As listed by the referrers API. */
  readonly artifactType: string | undefined
  readonly annotations: Readonly<Record<string, string>> | undefined
}

/** What a manifest points at. */
export interface ManifestEdges {
  readonly blobs: readonly Digest[]
  readonly manifests: readonly Digest[]
}

export interface ManifestHead {
  readonly digest: Digest
  readonly mediaType: string
  readonly size: number
}

export interface Referrer extends ManifestHead {
  readonly artifactType: string | undefined
  readonly annotations: Readonly<Record<string, string>> | undefined
}

export interface RemoveOptions {
  readonly at: Date
  /** Tags that must stay where they are. Default: none. */
  readonly isFixed?: (tag: string) => boolean
}

export interface PutOptions extends RemoveOptions {
  readonly edges: ManifestEdges
  readonly tags: readonly string[]
  readonly sparse: boolean
}

export interface ManifestIndex {
  findManifest(repository: string, reference: { digest: Digest } | { tag: string }): Promise<StoredManifest | undefined>
  /** The same without its bytes, for HEAD. */
  headManifest(repository: string, reference: { digest: Digest } | { tag: string }): Promise<ManifestHead | undefined>
  /**
   * Stores the manifest, its edges and its tags in one transaction. Unless `sparse`, returns instead of storing when
   * references are missing from the repository: the missing ones, checked in that same transaction.
   * @throws TAG_IMMUTABLE when a fixed tag points at another manifest
   */
  putManifest(repository: string, manifest: StoredManifest, options: PutOptions): Promise<readonly Digest[]>
  /**
   * Also removes every tag of the repository that points at it. Its blobs count as touched now, and what belonged to it
   * (the entries of an index, its referrers) as released now. False when there was none.
   * @throws TAG_IMMUTABLE when a fixed tag points at it
   */
  removeManifest(repository: string, digest: Digest, options: RemoveOptions): Promise<boolean>
  /** Manifests of the repository whose subject is `subject`, in digest order. */
  listReferrers(repository: string, subject: Digest): Promise<readonly Referrer[]>
}

export interface TagIndex {
  /** In code unit order. */
  listTags(repository: string, page: Page): Promise<readonly string[]>
  /** The manifest stays. @throws TAG_IMMUTABLE when the tag is fixed */
  removeTag(repository: string, tag: string, options: RemoveOptions): Promise<boolean>
}

export interface RepositoryIndex {
  hasRepository(repository: string): Promise<boolean>
  /** Repositories with at least one manifest, in code unit order. */
  listRepositories(page: Page): Promise<readonly string[]>
}

/** One push session; how many bytes it holds is the UploadStore's to say. */
export interface UploadSession {
  readonly id: string
  readonly repository: string
  readonly algorithm: 'sha256' | 'sha512'
  readonly startedAt: Date
}

export interface UploadIndex {
  addUpload(session: UploadSession): Promise<void>
  findUpload(id: string): Promise<UploadSession | undefined>
  /** False when there was none. */
  removeUpload(id: string): Promise<boolean>
  listUploads(): Promise<readonly UploadSession[]>
}

/** What garbage collection asks and changes. Every change is one short transaction that looks again before it acts. */
export interface GarbageIndex {
  /** Repositories in which a manifest was released at or before `released`, and all of them when that is undefined. */
  garbageRepositories(released: Date | undefined): Promise<readonly string[]>
  /** All manifests and tags of a repository, to decide what goes. */
  contents(repository: string): Promise<RepositoryContents>
  /** False when the tag has moved since `updatedAt`. */
  expireTag(repository: string, tag: TagFacts, at: Date): Promise<boolean>
  /**
   * As removeManifest, but false when something holds it now: a tag other than `tags`, an index, a present subject, or
   * a push after `pushedAt`.
   */
  collectManifest(
    repository: string,
    manifest: Pick<ManifestFacts, 'digest' | 'pushedAt'>,
    options: { readonly tags: readonly string[]; readonly at: Date },
  ): Promise<boolean>
  /**
   * Repositories forget blobs that none of their manifests needs and no client has touched after `before`: one step of a
   * walk through all of them. `next` is where the following step begins; undefined at the end.
   */
  lapseBlobs(before: Date, from: string, limit: number): Promise<{ readonly lapsed: number; readonly next?: string }>
  /** Blobs that no repository holds, by steps of the same kind. */
  unheldBlobs(from: string, limit: number): Promise<{ readonly blobs: readonly StoredBlob[]; readonly next?: string }>
  /** Makes a blob that no repository holds `deleting`. False when a repository holds it, or there is none. */
  startDeleting(digest: Digest): Promise<boolean>
  /** Ends `deleting`, after its content is gone. */
  finishDeleting(digest: Digest): Promise<void>
  /** Deletions that a crash interrupted. */
  interruptedDeletions(): Promise<readonly Digest[]>
  knowsBlob(digest: Digest): Promise<boolean>
  /** The blobs that nothing would need if `doomed` were gone; `waiting`: touched after `before`. In steps. */
  reclaimable(before: Date, doomed: ReadonlyMap<string, readonly Digest[]>): AsyncIterable<readonly ReclaimableBlob[]>
}

export interface ReclaimableBlob extends StoredBlob {
  readonly waiting: boolean
}

export interface RepositoryContents {
  readonly manifests: readonly ManifestFacts[]
  readonly tags: readonly TagFacts[]
}

export interface ManifestFacts {
  readonly digest: Digest
  readonly pushedAt: Date
  readonly subject: Digest | undefined
  /** Manifests it lists. */
  readonly children: readonly Digest[]
  readonly releasedAt: Date | undefined
  readonly untaggedAt: Date | undefined
}

export interface TagFacts {
  readonly name: string
  readonly digest: Digest
  readonly updatedAt: Date
}

/** What a scrub asks and notes. */
export interface ScrubIndex extends Pick<BlobIndex, 'condemnBlob'> {
  /** Stored blobs that were not checked since `before`, those first that waited longest. */
  blobsToCheck(before: Date, limit: number): Promise<readonly (StoredBlob & { readonly version: number })[]>
  /** The newest time that any blob was checked or stored at; a round begins after it. */
  latestCheck(): Promise<Date>
  /** Found right. Need not be durable. */
  noteChecked(digest: Digest, version: number, at: Date): Promise<void>
  /** In row order after `from`. */
  manifestsToCheck(from: number, limit: number): Promise<readonly { id: number; digest: Digest; content: Uint8Array }[]>
  /** The stored bytes are `content`, which is damaged: unknown to all until it is pushed again. False when it has been. */
  condemnManifest(digest: Digest, content: Uint8Array): Promise<boolean>
  /** Blobs and manifests known to be damaged. */
  damaged(): Promise<readonly Digest[]>
}

export interface UsageIndex {
  /** Bytes of the blobs and manifests of `prefix` and of every repository below it, each once; '' is everything. */
  usedBytes(prefix: string): Promise<number>
}

/** So that what was read can be remembered until it may have changed. */
export interface RevisionIndex {
  /** Another number whenever a tag or a manifest of any repository may have changed, also by another process. */
  revision(): number
}

export interface MetadataStore
  extends BlobIndex,
    ManifestIndex,
    TagIndex,
    RepositoryIndex,
    UploadIndex,
    GarbageIndex,
    ScrubIndex,
    RevisionIndex,
    UsageIndex {
  close(): Promise<void>
}
