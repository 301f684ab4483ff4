import { cosignTags } from '../shared/attached-tags.ts'
import type { Digest } from '../shared/digest.ts'
import { AppError } from '../shared/errors.ts'
import { mapParallel } from '../shared/parallel.ts'
import type { BlobDescriptor, ContentSource, ManifestDocument } from './content.ts'
import type { ManifestEntry } from './graph.ts'
import { linksOf } from './graph.ts'

/** Everything a copy moves. */
export interface CopyPlan {
  readonly root: ManifestDocument
  /** Each after what it points at. */
  readonly manifests: readonly ManifestDocument[]
  /** Each once. */
  readonly blobs: readonly BlobDescriptor[]
  /** Signatures and the like that are found by a tag made of the digest they belong to. */
  readonly tags: readonly { readonly tag: string; readonly manifest: ManifestDocument }[]
}

export interface PlanOptions {
  /** With what refers to the manifests: referrers, and the tags that cosign makes. */
  readonly referrers: boolean
  /** `os/architecture[/variant]`: only that entry of an index. Undefined: all of it. */
  readonly platform: string | undefined
}

const PARALLEL = 4

/** Indexes in indexes in indexes …: nobody builds that, somebody may try. */
const MAX_DEPTH = 8
const MAX_MANIFESTS = 20_000

/** Reads every manifest below `reference`. @throws `not-found`, `registry-answer`, `digest-mismatch` */
export async function planCopy(
  source: ContentSource,
  reference: string,
  { referrers, platform }: PlanOptions,
  signal: AbortSignal,
): Promise<CopyPlan> {
  const manifests = new Map<Digest, ManifestDocument>()
  const blobs = new Map<Digest, BlobDescriptor>()
  const tags: { tag: string; manifest: ManifestDocument }[] = []

  async function read(name: string): Promise<ManifestDocument> {
    const found = await source.manifest(name, signal)
    if (found !== undefined) return found
    throw new AppError('not-found', `Cannot copy from ${source.name}: it has no manifest "${name || 'without a name'}"`)
  }

  /** Adds a manifest after its children; returns the digests that are new. */
  async function add(manifest: ManifestDocument, depth = 0): Promise<Digest[]> {
    if (manifests.has(manifest.digest)) return []
    if (depth > MAX_DEPTH || manifests.size >= MAX_MANIFESTS) {
      throw new AppError('registry-answer', `Cannot copy ${manifest.digest}: it has too many manifests below it`)
    }
    const links = linksOf(manifest)
    for (const blob of links.blobs) blobs.set(blob.digest, blob)
    const missing = links.manifests.filter(({ digest }) => !manifests.has(digest))
    const children = await mapParallel(missing, PARALLEL, signal, ({ digest }) => read(digest))
    const added: Digest[] = []
    for (const child of children) added.push(...(await add(child, depth + 1)))
    manifests.set(manifest.digest, manifest)
    return [...added, manifest.digest]
  }

  const top = await read(reference)
  const root = platform === undefined ? top : await read(choose(top, platform).digest)
  let fresh = await add(root)
  while (referrers && fresh.length > 0) {
    const found = await mapParallel(fresh, PARALLEL, signal, (digest, stop) => attachments(source, digest, stop))
    fresh = []
    for (const { byReference, byTag } of found) {
      tags.push(...byTag)
      for (const { manifest } of byTag) fresh.push(...(await add(manifest)))
      for (const digest of byReference) if (!manifests.has(digest)) fresh.push(...(await add(await read(digest))))
    }
  }
  return { root, manifests: [...manifests.values()], blobs: [...blobs.values()], tags }
}

async function attachments(source: ContentSource, digest: Digest, signal: AbortSignal) {
  const byReference = await source.referrers(digest, signal)
  const byTag: { tag: string; manifest: ManifestDocument }[] = []
  for (const tag of cosignTags(digest)) {
    const manifest = await source.manifest(tag, signal)
    if (manifest !== undefined) byTag.push({ tag, manifest })
  }
  return { byReference, byTag }
}

/** The one entry for a platform; a manifest that is no index is every platform's. */
function choose(top: ManifestDocument, platform: string): { readonly digest: Digest } {
  const { manifests } = linksOf(top)
  if (manifests.length === 0) return top
  const [os, architecture, variant] = platform.split('/')
  const fits = ({ platform: its }: ManifestEntry) =>
    its?.os === os && its?.architecture === architecture && (variant === undefined || its?.variant === variant)
  const found = manifests.find(fits)
  if (found !== undefined) return found
  const present = manifests.flatMap(({ platform: its }) => (its ? [`${its.os}/${its.architecture}`] : []))
  throw new AppError(
    'not-found',
    `Cannot use the index: it has no ${platform}, only ${present.join(', ') || 'nothing'}`,
  )
}
