import type { Digest } from '../shared/digest.ts'
import { isDigest } from '../shared/digest.ts'
import { AppError } from '../shared/errors.ts'
import type { BlobPolicy } from './blob.ts'
import type { Descriptor, ImageManifest } from './manifest.ts'
import type { Repository } from './registry.ts'
import { readSmallBlob } from './small-blob.ts'

/** Configurations that list the digests of the uncompressed layers. */
const IMAGE_CONFIGS = [
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
] as const

/** oras writes it for a directory that it has packed. */
const ORAS_CONTENT = 'io.deis.oras.content.digest'

/** Registries limit manifests to this; a configuration is smaller. */
const MAX_CONFIG_BYTES = 4 * 1024 * 1024

/** Whether the artifact is a container image, whose layers are archives. */
export function isContainerImage({ config }: ImageManifest): boolean {
  return IMAGE_CONFIGS.some((type) => type === config?.mediaType)
}

/**
 * The digest of a layer's uncompressed bytes, where the artifact says one: the `diff_ids` of an image configuration
 * (image-spec "config.md", `rootfs`), or the annotation of oras.
 * @throws `registry-answer`, `digest-mismatch`
 */
export async function contentDigest(
  repository: Repository,
  image: ImageManifest,
  layer: Descriptor,
  signal: AbortSignal,
  policy?: BlobPolicy,
): Promise<Digest | undefined> {
  const noted = layer.annotations?.[ORAS_CONTENT]
  if (noted !== undefined && isDigest(noted)) return noted
  if (image.config === undefined || !isContainerImage(image)) return undefined
  const text = (await readSmallBlob(repository, image.config, MAX_CONFIG_BYTES, signal, policy)).toString('utf8')
  const diffId = diffIds(text)[image.layers.indexOf(layer)]
  if (typeof diffId === 'string' && isDigest(diffId)) return diffId
  throw new AppError('registry-answer', `Cannot use the image: its configuration has no digest of ${layer.digest}`)
}

function diffIds(text: string): readonly unknown[] {
  try {
    const { rootfs } = JSON.parse(text) as { rootfs?: { diff_ids?: unknown } }
    return Array.isArray(rootfs?.diff_ids) ? rootfs.diff_ids : []
  } catch (cause) {
    throw new AppError('registry-answer', 'Cannot use the image: its configuration is not JSON', { cause })
  }
}
