import type { Digest } from '../../shared/digest.ts'

/*
 * What a storage backend must do. Bytes live in a BlobStore and an UploadStore (files here, objects in S3), facts in a
 * MetadataStore (SQLite here, PostgreSQL later). A backend is done when test/registry/storage/contract.ts passes.
 */

/** Verified content by digest. Which repository may see it is the MetadataStore's business. */
export interface BlobStore {
  /** Size in bytes; undefined when there is no such content. */
  stat(digest: Digest): Promise<number | undefined>
  /** @throws BLOB_UNKNOWN. The reader stays valid when the blob is deleted or replaced meanwhile. */
  open(digest: Digest): Promise<BlobReader>
  /** Deleting what is absent is no error. */
  delete(digest: Digest): Promise<void>
  /** Bytes that can still be stored; Infinity when the backend has no limit. */
  freeBytes(): Promise<number>
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

/** Which repository holds which blob. */
export interface BlobIndex {
  findBlob(repository: string, digest: Digest): Promise<StoredBlob | undefined>
  /** Repositories that hold the blob, for a mount without `from`; in name order. */
  repositoriesWithBlob(digest: Digest, limit: number): Promise<readonly string[]>
  /** Records verified content as part of a repository; ends `upload` in the same transaction. */
  addBlob(repository: string, blob: StoredBlob, at: Date, upload?: string): Promise<void>
  /** Only the repository forgets it. False when it had no such blob. */
  removeBlob(repository: string, digest: Digest): Promise<boolean>
  /** The stored bytes are damaged: every repository forgets the blob, so that clients push it again. */
  condemnBlob(digest: Digest): Promise<void>
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

export interface ManifestIndex {
  findManifest(repository: string, reference: { digest: Digest } | { tag: string }): Promise<StoredManifest | undefined>
  /** The same without its bytes, for HEAD. */
  headManifest(repository: string, reference: { digest: Digest } | { tag: string }): Promise<ManifestHead | undefined>
  /**
   * Stores the manifest, its edges and its tags in one transaction. Unless `sparse`, returns instead of storing when
   * references are missing from the repository: the missing ones, checked in that same transaction.
   */
  putManifest(
    repository: string,
    manifest: StoredManifest,
    options: { edges: ManifestEdges; tags: readonly string[]; sparse: boolean; at: Date },
  ): Promise<readonly Digest[]>
  /** Also removes every tag of the repository that points at it. False when there was none. */
  removeManifest(repository: string, digest: Digest): Promise<boolean>
  /** Manifests of the repository whose subject is `subject`, in digest order. */
  listReferrers(repository: string, subject: Digest): Promise<readonly Referrer[]>
}

export interface TagIndex {
  /** In code unit order. */
  listTags(repository: string, page: Page): Promise<readonly string[]>
  removeTag(repository: string, tag: string): Promise<boolean>
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
    RevisionIndex {
  close(): Promise<void>
}
