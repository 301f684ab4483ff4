import type { Digest } from '../../../src/shared/digest.ts'
import { sha256 } from '../../../src/shared/digest.ts'
import { IMAGE, INDEX } from '../support/open-registry.ts'
import type { Random } from './random.ts'

export interface Content {
  readonly digest: Digest
  readonly bytes: Buffer
}

export interface Manifest extends Content {
  readonly type: string
  readonly blobs: readonly Content[]
  readonly manifests: readonly Manifest[]
  readonly subject: Manifest | undefined
}

export interface Entry {
  readonly manifest: Manifest
  state: 'yes' | 'maybe'
  /** What it belonged to was deleted, or may have been: garbage collection may take it. */
  released: boolean
}

/** What one client was told of its repository: `yes` was acknowledged, `maybe` was under way when the server died. */
export interface Known {
  readonly repository: string
  readonly manifests: Map<Digest, Entry>
  /** What a tag may point at; undefined: nothing. One entry when it is certain. */
  readonly tags: Map<string, ReadonlySet<Digest | undefined>>
  /** Sessions by location: the content that is being sent, and how much of it was acknowledged. */
  readonly sessions: Map<string, { readonly content: Content; acknowledged: number }>
}

export function nothingKnown(repository: string): Known {
  return { repository, manifests: new Map(), tags: new Map(), sessions: new Map() }
}

/** Few blobs and many clients: the same content is pushed, mounted, collected and pushed again all the time. */
export function makeBlobs(random: Random, count: number): readonly Content[] {
  return Array.from({ length: count }, (_, index) => {
    // One in six takes more than one write.
    const bytes = index % 6 === 0 ? Buffer.alloc(2_300_000, random.bytes(64)) : random.bytes(1 + random.below(3000))
    return { digest: sha256(bytes), bytes }
  })
}

export function makeImage(random: Random, blobs: readonly Content[], subject: Manifest | undefined): Manifest {
  const layers = Array.from({ length: 1 + random.below(3) }, () => random.pick(blobs))
  const [config = random.pick(blobs)] = layers
  const descriptor = (mediaType: string, { digest, bytes }: Content) => ({ mediaType, digest, size: bytes.length })
  const document = {
    schemaVersion: 2,
    mediaType: IMAGE,
    config: descriptor('application/vnd.oci.image.config.v1+json', config),
    layers: layers.map((layer) => descriptor('application/octet-stream', layer)),
    ...(subject !== undefined && { subject: descriptor(subject.type, subject) }),
    annotations: { number: String(random.below(4)) },
  }
  return { ...contentOf(document), type: IMAGE, blobs: [...new Set(layers)], manifests: [], subject }
}

export function makeIndex(manifests: readonly Manifest[]): Manifest {
  const entries = manifests.map(({ digest, bytes, type }) => ({ mediaType: type, digest, size: bytes.length }))
  const document = { schemaVersion: 2, mediaType: INDEX, manifests: entries }
  return { ...contentOf(document), type: INDEX, blobs: [], manifests, subject: undefined }
}

function contentOf(document: object): Content {
  const bytes = Buffer.from(JSON.stringify(document))
  return { digest: sha256(bytes), bytes }
}

/** What goes, or may go, when a manifest is deleted: what belonged to it, and what belonged to that. */
export function releasedBy(known: Known, gone: Manifest): void {
  for (const entry of known.manifests.values()) {
    const belongs =
      entry.manifest.subject?.digest === gone.digest ||
      gone.manifests.some(({ digest }) => digest === entry.manifest.digest)
    if (!belongs || entry.released) continue
    Object.assign(entry, { state: 'maybe', released: true })
    releasedBy(known, entry.manifest)
  }
}
