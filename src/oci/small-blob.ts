import { AppError } from '../shared/errors.ts'
import type { BlobPolicy } from './blob.ts'
import { BLOB_POLICY, streamBlob } from './blob.ts'
import type { Descriptor } from './manifest.ts'
import type { Repository } from './registry.ts'

/** A blob that is a document, whole and checked. @throws `size-exceeded`, `registry-answer`, `digest-mismatch` */
export async function readSmallBlob(
  repository: Repository,
  blob: Descriptor,
  limit: number,
  signal: AbortSignal,
  policy: BlobPolicy = BLOB_POLICY,
): Promise<Buffer> {
  if (blob.size > limit) {
    throw new AppError('size-exceeded', `Cannot read ${blob.digest}: it has ${blob.size} bytes, more than ${limit}`)
  }
  return Buffer.concat(await Array.fromAsync(streamBlob(repository, blob, signal, policy)))
}
