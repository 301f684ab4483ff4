import { arch } from 'node:os'
import type { Digest } from '../shared/digest.ts'
import { isDigest } from '../shared/digest.ts'
import { AppError } from '../shared/errors.ts'

/** A descriptor of the image-spec, as far as pulling needs it. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  /** `org.opencontainers.image.title`: the file name oras gives a blob. */
  readonly title: string | undefined
  readonly annotations?: Readonly<Record<string, string>>
  readonly platform: { readonly os: string; readonly architecture: string } | undefined
}

export type Manifest =
  | { readonly kind: 'index'; readonly manifests: readonly Descriptor[] }
  | ({ readonly kind: 'image' } & ImageManifest)

export interface ImageManifest {
  readonly artifactType: string | undefined
  /** Undefined where it has no digest and size, as in the oldest artifacts. */
  readonly config: Descriptor | undefined
  readonly layers: readonly Descriptor[]
}

/** What the client asks for: OCI first, then Docker schema 2. */
export const MANIFEST_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
] as const

/** image-spec "Image Index" has `manifests`, "Image Manifest" has `layers`. @throws `registry-answer` */
export function parseManifest(text: string): Manifest {
  const document = parseObject(text)
  const { manifests, layers, artifactType, config } = document
  if (Array.isArray(manifests)) return { kind: 'index', manifests: manifests.map(parseDescriptor) }
  if (!Array.isArray(layers)) throw unusable('it has neither "layers" nor "manifests"')
  return {
    kind: 'image',
    artifactType: typeof artifactType === 'string' ? artifactType : undefined,
    config: typeof asObject(config)['digest'] === 'string' ? parseDescriptor(config) : undefined,
    layers: layers.map(parseDescriptor),
  }
}

/** This machine's architecture, as image indexes name it: by the names of Go (image-spec "Image Index", `platform`). */
export function hostArchitecture(): string {
  const names: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' }
  return names[arch()] ?? arch()
}

/** The manifest of an index for a platform; a lone manifest without a platform is taken as it is. */
export function choosePlatform(manifests: readonly Descriptor[], architecture: string): Descriptor {
  const fitting = manifests.filter(({ platform }) => platform?.os === 'linux' && platform.architecture === architecture)
  const [only] = fitting.length > 0 ? fitting : manifests.filter(({ platform }) => platform === undefined)
  if (only !== undefined && (fitting.length > 0 || manifests.length === 1)) return only
  const present = manifests.map(({ platform }) =>
    platform ? `${platform.os}/${platform.architecture}` : 'no platform',
  )
  throw unusable(`it has no image for linux/${architecture}, only ${present.join(', ') || 'nothing'}`)
}

/**
 * The one layer that is a root file system. A single layer is it; among several, the only one whose file name says tar.
 * The layers of a container image are not put together here: that is not what such an image promises to boot.
 */
export function chooseRootfs(layers: readonly Descriptor[]): Descriptor {
  const named = layers.filter(({ title }) => /\.(tar|tgz)(\.(gz|zst|zstd))?$/.test(title ?? ''))
  const [rootfs] = layers.length === 1 ? layers : named.length === 1 ? named : []
  if (rootfs !== undefined) return rootfs
  const reason =
    layers.length === 0
      ? 'it has no layer'
      : `it has ${layers.length} layers, and a root file system is one tar: flatten it, or push the tar alone`
  throw new AppError('registry-answer', `Cannot install the artifact: ${reason}`)
}

function parseDescriptor(value: unknown): Descriptor {
  const { mediaType, digest, size, annotations, platform } = asObject(value)
  if (typeof digest !== 'string' || !isDigest(digest)) throw unusable('a descriptor has no sha256 or sha512 digest')
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw unusable('a descriptor has no size')
  const notes = textsOf(asObject(annotations))
  const { os, architecture } = asObject(platform)
  return {
    mediaType: typeof mediaType === 'string' ? mediaType : '',
    digest,
    size,
    title: notes['org.opencontainers.image.title'],
    annotations: notes,
    platform: typeof os === 'string' && typeof architecture === 'string' ? { os, architecture } : undefined,
  }
}

function textsOf(values: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    return asObject(JSON.parse(text))
  } catch (cause) {
    throw new AppError('registry-answer', 'Cannot use the manifest: it is not JSON', { cause })
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

function unusable(state: string): AppError {
  return new AppError('registry-answer', `Cannot use the manifest: ${state}`)
}
