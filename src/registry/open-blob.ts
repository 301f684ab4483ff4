import type { RegistryDeps } from './call.ts'
import { OciError } from './errors.ts'
import type { BlobReader, FoundBlob } from './storage/storage.ts'

/**
 * A blob that was touched less than this ago is not touched again: asking for a blob is then a read. Far below any grace
 * a garbage collection should be given.
 */
const TOUCH_EVERY_MS = 600_000

type Deps = Pick<RegistryDeps, 'blobs' | 'metadata' | 'clock' | 'log'>

/**
 * Whoever asks with HEAD is about to rely on the blob in a manifest: garbage collection shall not take it meanwhile.
 * @throws BLOB_UNKNOWN when it has just been taken
 */
export async function touch({ metadata, clock }: Deps, repository: string, blob: FoundBlob): Promise<void> {
  const now = clock.now()
  if (now.getTime() - blob.touchedAt.getTime() < TOUCH_EVERY_MS) return
  if (!(await metadata.touchBlob(repository, blob.digest, now)))
    throw new OciError('BLOB_UNKNOWN', { digest: blob.digest })
}

/**
 * Opens a blob whose row says it is there. A file that is missing or has another size is damage: it is never served as
 * good, and the blob is unknown from then on, so that the next push stores the content again.
 * @throws BLOB_UNKNOWN when it was removed in this moment, UNKNOWN (500) when it is damaged
 */
export async function openChecked(deps: Deps, repository: string, blob: FoundBlob): Promise<BlobReader> {
  const { blobs, metadata, log } = deps
  const reader = await blobs.open(blob.digest).catch((error: unknown) => {
    if (error instanceof OciError && error.code === 'BLOB_UNKNOWN') return undefined
    throw error
  })
  if (reader?.size === blob.size) return reader
  await reader?.close()
  if (await metadata.condemnBlob(blob.digest, blob.version)) {
    log.error({ digest: blob.digest, size: blob.size, found: reader?.size }, 'stored blob is damaged')
    throw new OciError('UNKNOWN', { digest: blob.digest, reason: 'the stored content is damaged; push it again' })
  }
  // Not the version that was looked up: deleted since, or stored again.
  const present = await metadata.findBlob(repository, blob.digest)
  if (present === undefined) throw new OciError('BLOB_UNKNOWN', { digest: blob.digest })
  return openChecked(deps, repository, present)
}
