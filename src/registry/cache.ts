import type { Digest } from '../shared/digest.ts'
import type { ManifestReference } from './reference.ts'
import type { ManifestHead, MetadataStore } from './storage/storage.ts'

/** Manifests, configs, signatures: what every pull asks for. Larger content is streamed from the disk. */
export const SMALL_BYTES = 64 << 10

/** Verified content by digest. It cannot become stale, only unwanted: who may see it is asked elsewhere, every time. */
export interface ContentCache {
  get(digest: Digest): Uint8Array | undefined
  /** Keeps it when it is small; `content` must not change any more. */
  put(digest: Digest, content: Uint8Array): void
  readonly bytes: number
}

/** Least recently used goes first when there are more than `maxBytes`. */
export function createContentCache(maxBytes: number): ContentCache {
  // A Map iterates in the order of insertion: taking an entry out and in makes it the youngest.
  const entries = new Map<Digest, Uint8Array>()
  let bytes = 0
  function remove(digest: Digest): void {
    bytes -= entries.get(digest)?.length ?? 0
    entries.delete(digest)
  }
  return {
    get bytes() {
      return bytes
    },
    get(digest) {
      const content = entries.get(digest)
      if (content === undefined) return undefined
      entries.delete(digest)
      entries.set(digest, content)
      return content
    },
    put(digest, content) {
      if (content.length > SMALL_BYTES) return
      remove(digest)
      entries.set(digest, content)
      bytes += content.length
      for (const oldest of entries.keys()) {
        if (bytes <= maxBytes) return
        remove(oldest)
      }
    },
  }
}

/** Names whose manifests are remembered; a name is some 300 bytes. */
const MAX_NAMES = 20_000

/**
 * Remembers which manifest a tag or digest of a repository is. All of it is forgotten with every change to manifests or
 * tags, whoever made it: a push happens some times a second, a pull some thousand times.
 */
export function rememberHeads(metadata: MetadataStore): Pick<MetadataStore, 'headManifest'> {
  const heads = new Map<string, ManifestHead>()
  let revision = -1
  return {
    async headManifest(repository, reference) {
      const key = keyOf(repository, reference)
      const present = metadata.revision()
      if (present !== revision) heads.clear()
      revision = present
      const known = heads.get(key)
      if (known !== undefined) return known
      const head = await metadata.headManifest(repository, reference)
      if (head === undefined || metadata.revision() !== present) return head
      if (heads.size >= MAX_NAMES) heads.clear()
      heads.set(key, head)
      return head
    },
  }
}

/** Neither names nor tags hold a line break. */
function keyOf(repository: string, reference: ManifestReference): string {
  return 'tag' in reference ? `${repository}\n${reference.tag}` : `${repository}\n${reference.digest}`
}
