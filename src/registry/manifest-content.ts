import type { Digest } from '../shared/digest.ts'
import { isDigest } from '../shared/digest.ts'
import { OciError } from './errors.ts'
import type { ManifestEdges } from './storage/storage.ts'

export const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json'

/** Types whose referrer type may come from their config (image-spec "Image Manifest", `artifactType`). */
const IMAGE_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
]

/** Docker schema 1 cannot be stored byte for byte under one digest; clients then try other formats. */
const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/

/** RFC 6838 4.2: it is sent as a header of each answer. */
const MEDIA_TYPE = /^[A-Za-z0-9][\w!#$&^.+-]{0,126}\/[A-Za-z0-9][\w!#$&^.+-]{0,126}$/

/** What the registry has to know about a manifest; everything else in it is kept but not looked at. */
export interface ManifestContent {
  readonly mediaType: string
  readonly edges: ManifestEdges
  readonly subject: Digest | undefined
  readonly artifactType: string | undefined
  readonly annotations: Readonly<Record<string, string>> | undefined
}

export interface Descriptor {
  readonly digest: Digest
  readonly mediaType: string
  readonly size: number
  /** Content from elsewhere, which need not be here: `urls`, or a type that must not be distributed. */
  readonly foreign: boolean
  readonly artifactType: string | undefined
  readonly annotations: Readonly<Record<string, string>> | undefined
}

/**
 * Reads an image manifest, an index, their Docker twins, or any other JSON document built of descriptors (image-spec
 * "manifest.md", "image-index.md").
 * @throws MANIFEST_INVALID with every problem and its JSON pointer
 */
export function parseManifest(content: Uint8Array, contentType: string | undefined): ManifestContent {
  const document = parseObject(content)
  const mediaType = mediaTypeOf(document, contentType)
  const problems: { path: string; message: string }[] = []
  const one = (key: string) =>
    document[key] === undefined || document[key] === null ? [] : collect([document[key]], () => `/${key}`)
  const many = (key: string) => {
    const list = document[key] ?? []
    if (Array.isArray(list)) return collect(list, (index) => `/${key}/${index}`)
    problems.push({ path: `/${key}`, message: 'an array is expected' })
    return []
  }
  function collect(values: readonly unknown[], path: (index: number) => string): Descriptor[] {
    return values.flatMap((value, index) => {
      const found = parseDescriptor(value)
      if (typeof found === 'object') return [found]
      problems.push({ path: path(index), message: found })
      return []
    })
  }
  const config = one('config')
  const blobs = [...config, ...many('layers'), ...many('blobs')].filter(({ foreign }) => !foreign)
  const manifests = many('manifests')
  const [subject] = one('subject')
  if (problems.length > 0) throw new OciError('MANIFEST_INVALID', { problems })
  return {
    mediaType,
    edges: { blobs: blobs.map(({ digest }) => digest), manifests: manifests.map(({ digest }) => digest) },
    subject: subject?.digest,
    artifactType: artifactTypeOf(document, mediaType, config[0]),
    annotations: parseAnnotations(document['annotations']),
  }
}

/** The descriptors of an index, for the referrers tag schema. Empty when `content` is none. */
export function parseIndex(content: Uint8Array): readonly Descriptor[] {
  const list = parseObject(content)['manifests']
  return Array.isArray(list) ? list.map(parseDescriptor).filter((found) => typeof found === 'object') : []
}

type JsonObject = Readonly<Record<string, unknown>>

function parseObject(content: Uint8Array): JsonObject {
  let document: unknown
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content))
  } catch (cause) {
    throw new OciError('MANIFEST_INVALID', { reason: 'the manifest is no JSON' }, { cause })
  }
  if (isObject(document)) return document
  throw new OciError('MANIFEST_INVALID', { reason: 'the manifest is no JSON object' })
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What Content-Type says, without parameters; the body must not say something else (distribution-spec end-7). */
function mediaTypeOf(document: JsonObject, contentType: string | undefined): string {
  const declared = contentType?.split(';')[0]?.trim() ?? ''
  const own = document['mediaType']
  const mediaType = declared === '' && typeof own === 'string' ? own : declared
  if (mediaType === '') throw new OciError('MANIFEST_INVALID', { reason: 'there is no media type' })
  if (!MEDIA_TYPE.test(mediaType)) {
    throw new OciError('MANIFEST_INVALID', { reason: 'the media type is none', mediaType: mediaType.slice(0, 300) })
  }
  if (own !== undefined && own !== mediaType) {
    throw new OciError('MANIFEST_INVALID', { contentType: mediaType, mediaType: own })
  }
  if (SCHEMA_1.test(mediaType) || document['schemaVersion'] === 1) {
    throw new OciError('MANIFEST_INVALID', { reason: 'Docker schema 1 is not supported' })
  }
  return mediaType
}

/** A sentence when it is none. */
function parseDescriptor(value: unknown): Descriptor | string {
  if (!isObject(value)) return 'a descriptor is expected'
  const { digest, size, mediaType, urls } = value
  if (typeof digest !== 'string' || !isDigest(digest)) return 'a sha256 or sha512 digest is expected'
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return 'a size in bytes is expected'
  if (typeof mediaType !== 'string') return 'a media type is expected'
  const foreign = /nondistributable|foreign/.test(mediaType) || (Array.isArray(urls) && urls.length > 0)
  const artifactType = typeof value['artifactType'] === 'string' ? value['artifactType'] : undefined
  return { digest, size, mediaType, foreign, artifactType, annotations: parseAnnotations(value['annotations']) }
}

/** distribution-spec "Listing Referrers": of an image also its config's type, of an index only its own. */
function artifactTypeOf(document: JsonObject, mediaType: string, config: Descriptor | undefined): string | undefined {
  const own = document['artifactType']
  if (typeof own === 'string' && own !== '') return own
  return IMAGE_TYPES.includes(mediaType) ? config?.mediaType : undefined
}

function parseAnnotations(value: unknown): Readonly<Record<string, string>> | undefined {
  if (!isObject(value)) return undefined
  const entries = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return Object.fromEntries(entries)
}
