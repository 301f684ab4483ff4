import { isContent } from '../shared/digest.ts'
import { SMALL_BYTES } from './cache.ts'
import type { RegistryDeps } from './call.ts'
import { OciError } from './errors.ts'
import { openChecked } from './open-blob.ts'
import type { FoundBlob } from './storage/storage.ts'

/**
 * The content of a small blob, from memory when it was asked for before. What comes from the disk is hashed first, which
 * for so little is cheap: rot in a config or a signature is found by the first pull. Undefined when the blob is large.
 * @throws BLOB_UNKNOWN when it was removed in this moment, UNKNOWN (500) when it is damaged
 */
export async function smallContent(
  deps: RegistryDeps,
  repository: string,
  blob: FoundBlob,
): Promise<Uint8Array | undefined> {
  if (blob.size > SMALL_BYTES) return undefined
  const known = deps.contents.get(blob.digest)
  if (known !== undefined) return known
  const reader = await openChecked(deps, repository, blob)
  try {
    const content = Buffer.alloc(blob.size)
    const count = await reader.read(content, 0)
    if (count < content.length || !isContent(blob.digest, content)) await condemn(deps, blob)
    deps.contents.put(blob.digest, content)
    return content
  } finally {
    await reader.close()
  }
}

async function condemn({ metadata, log }: RegistryDeps, { digest, size, version }: FoundBlob): Promise<never> {
  if (await metadata.condemnBlob(digest, version)) log.error({ digest, size }, 'stored blob is damaged')
  throw new OciError('UNKNOWN', { digest, reason: 'the stored content is damaged; push it again' })
}
