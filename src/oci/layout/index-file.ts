import type { Digest } from '../../shared/digest.ts'
import { isDigest } from '../../shared/digest.ts'
import { AppError } from '../../shared/errors.ts'
import type { ManifestDocument } from '../content.ts'
import { parseJsonObject } from '../graph.ts'

/** `oci-layout` of image-spec "image-layout.md"; the only version there is. */
export const OCI_LAYOUT = '{"imageLayoutVersion":"1.0.0"}'
export const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json'
const REF_NAME = 'org.opencontainers.image.ref.name'

/** One entry of `index.json`, kept as it was read. */
export interface LayoutEntry {
  readonly digest: Digest
  readonly mediaType: string
  /** `org.opencontainers.image.ref.name`: the tag. */
  readonly tag: string | undefined
  readonly size: number
  readonly document: Readonly<Record<string, unknown>>
}

/** @throws `layout-invalid` */
export function parseIndexFile(content: Uint8Array, name: string): LayoutEntry[] {
  const { manifests } = parseJsonObject(content, `index.json of ${name}`)
  if (!Array.isArray(manifests)) throw new AppError('layout-invalid', `Cannot use ${name}: index.json lists nothing`)
  return manifests.map((value: unknown) => {
    const document = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
    const { digest, mediaType, annotations, size } = document
    if (typeof digest !== 'string' || !isDigest(digest)) {
      throw new AppError('layout-invalid', `Cannot use ${name}: an entry of index.json has no digest`)
    }
    const tag = (annotations as Record<string, unknown> | undefined)?.[REF_NAME]
    return {
      digest,
      mediaType: typeof mediaType === 'string' ? mediaType : '',
      tag: typeof tag === 'string' ? tag : undefined,
      size: Number(size),
      document,
    }
  })
}

/** A name for a manifest in `index.json`; without a tag it is only there to be found. */
export interface NamedManifest {
  readonly manifest: ManifestDocument
  readonly tag: string | undefined
}

/** The entries with `named` added: a tag moves, an entry without a tag is not repeated. */
export function mergeEntries(present: readonly LayoutEntry[], named: readonly NamedManifest[]): LayoutEntry[] {
  let entries = [...present]
  for (const { manifest, tag } of named) {
    if (tag === undefined && entries.some(({ digest }) => digest === manifest.digest)) continue
    entries = entries.filter((entry) => !(tag !== undefined && entry.tag === tag))
    // One that was only there to be found is found by its tag now.
    entries = entries.filter((entry) => !(entry.tag === undefined && entry.digest === manifest.digest))
    entries.push(entryOf(manifest, tag))
  }
  return entries
}

export function indexFile(entries: readonly LayoutEntry[]): string {
  const manifests = entries.map(({ document }) => document)
  return JSON.stringify({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests })
}

export function blobFile(digest: Digest): string {
  return `blobs/${digest.replace(':', '/')}`
}

function entryOf({ digest, mediaType, content }: ManifestDocument, tag: string | undefined): LayoutEntry {
  const size = content.length
  const annotations = tag === undefined ? {} : { annotations: { [REF_NAME]: tag } }
  return { digest, mediaType, tag, size, document: { mediaType, digest, size, ...annotations } }
}
