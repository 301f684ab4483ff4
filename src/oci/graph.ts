import type { Digest } from '../shared/digest.ts'
import { isDigest } from '../shared/digest.ts'
import { AppError } from '../shared/errors.ts'
import type { BlobDescriptor, ManifestDocument } from './content.ts'

/** An entry of an index. */
export interface ManifestEntry extends BlobDescriptor {
  readonly platform: { readonly os: string; readonly architecture: string; readonly variant?: string } | undefined
}

/** What a manifest points at, as far as copying needs it; anything else in it is bytes. */
export interface ManifestLinks {
  /** Config and layers; without content that lies elsewhere (`urls`) or must not be distributed. */
  readonly blobs: readonly BlobDescriptor[]
  readonly manifests: readonly ManifestEntry[]
  readonly subject: Digest | undefined
}

/** Media types that Docker's schema 1 had: its digest is not over the bytes that are served. */
const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/

/** Reads an image manifest, an index or another document made of descriptors. @throws `registry-answer` */
export function linksOf({ content, mediaType, digest }: Omit<ManifestDocument, 'size'>): ManifestLinks {
  const document = parseJsonObject(content, digest)
  if (SCHEMA_1.test(mediaType)) throw unusable(digest, 'Docker schema 1 cannot be copied byte for byte')
  const { config, layers, blobs, manifests, subject } = document
  return {
    blobs: [...listOf(config), ...listOf(layers), ...listOf(blobs)]
      .filter((value) => !isForeign(value))
      .map((value) => parseDescriptor(value, digest)),
    manifests: listOf(manifests).map((value) => ({ ...parseDescriptor(value, digest), platform: platformOf(value) })),
    subject: subject === undefined || subject === null ? undefined : parseDescriptor(asObject(subject), digest).digest,
  }
}

type JsonObject = Readonly<Record<string, unknown>>

/** How a manifest is listed among the referrers of its subject (image-spec "Guidelines for Artifact Usage"). */
export function referrerEntry({ content, mediaType, digest }: ManifestDocument): JsonObject {
  const { artifactType, annotations, config } = parseJsonObject(content, digest)
  const type = artifactType ?? asObject(config)['mediaType']
  return {
    mediaType,
    digest,
    size: content.length,
    ...(typeof type === 'string' && { artifactType: type }),
    ...(annotations !== undefined && { annotations }),
  }
}

/** `mediaType` of the document itself; image-spec recommends it, older images lack it. */
export function ownMediaType(content: Uint8Array, digest: Digest): string {
  const { mediaType, manifests } = parseJsonObject(content, digest)
  if (typeof mediaType === 'string') return mediaType
  return `application/vnd.oci.image.${Array.isArray(manifests) ? 'index' : 'manifest'}.v1+json`
}

export function parseJsonObject(content: Uint8Array, name: string): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(content).toString('utf8'))
  } catch (cause) {
    throw new AppError('registry-answer', `Cannot use manifest "${name}": it is not JSON`, { cause })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  throw unusable(name, 'it is not a JSON object')
}

function parseDescriptor(value: JsonObject, name: string): BlobDescriptor {
  const { digest, size, mediaType } = value
  if (typeof digest !== 'string' || !isDigest(digest)) {
    throw unusable(name, 'a descriptor has no sha256 or sha512 digest')
  }
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw unusable(name, 'a descriptor has no size')
  }
  return { digest, size, mediaType: typeof mediaType === 'string' ? mediaType : 'application/octet-stream' }
}

function platformOf(value: JsonObject): ManifestEntry['platform'] {
  const { os, architecture, variant } = asObject(value['platform'])
  if (typeof os !== 'string' || typeof architecture !== 'string') return undefined
  return { os, architecture, ...(typeof variant === 'string' && { variant }) }
}

/** image-spec "Non-Distributable Layers". */
function isForeign({ mediaType, urls }: JsonObject): boolean {
  return /nondistributable|foreign/.test(String(mediaType)) || (Array.isArray(urls) && urls.length > 0)
}

function listOf(value: unknown): readonly JsonObject[] {
  if (value === undefined || value === null) return []
  return (Array.isArray(value) ? value : [value]).map(asObject)
}

function asObject(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}
}

function unusable(name: string, state: string): AppError {
  return new AppError('registry-answer', `Cannot use manifest "${name}": ${state}`)
}
