import type { ManifestEdges, MetadataStore, StoredManifest } from '../../../src/registry/storage/storage.ts'
import { sha256 } from '../../../src/shared/digest.ts'

export const AT = new Date('2026-01-02T03:04:05Z')
export const LATER = new Date(AT.getTime() + 1000)
export const NO_EDGES: ManifestEdges = { blobs: [], manifests: [] }

export function manifest(text: string, facts: Partial<StoredManifest> = {}): StoredManifest {
  const content = Buffer.from(text)
  const nothing = { subject: undefined, artifactType: undefined, annotations: undefined }
  return { digest: sha256(content), mediaType: 'application/x', content, ...nothing, ...facts }
}

export const blob = { digest: sha256('blob'), size: 4 }

export function put(
  store: MetadataStore,
  repository: string,
  what: StoredManifest,
  tags: string[] = [],
  edges = NO_EDGES,
) {
  return store.putManifest(repository, what, { edges, tags, sparse: false, at: AT })
}
