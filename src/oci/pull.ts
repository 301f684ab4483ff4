import type { Digest } from '../shared/digest.ts'
import { AppError } from '../shared/errors.ts'
import { manifestReference } from '../shared/oci-reference.ts'
import type { Backoff } from '../shared/time.ts'
import type { ImageManifest } from './manifest.ts'
import { choosePlatform, parseManifest } from './manifest.ts'
import type { Repository } from './registry.ts'
import { requireManifest } from './remote-source.ts'

/** What a reference stands for. */
export interface Artifact extends ImageManifest {
  /** Of what the reference names: an index when it is one. */
  readonly digest: Digest
  /** Of the manifest with the layers: the same, or the one that was chosen from the index. */
  readonly manifest: Digest
}

/** 18 to 36 s: a registry that restarts is back by then. */
const BACKOFF: Backoff = { firstMs: 500, maxMs: 10_000, attempts: 8 }

/**
 * Reads the manifest a reference names (distribution-spec end-3), through an index to linux and `architecture`.
 * @throws `registry-answer`; `digest-mismatch` when the content is not what the reference or `required` says
 */
export async function resolveArtifact(
  repository: Repository,
  architecture: string,
  required: string | undefined,
  signal: AbortSignal,
  backoff: Backoff = BACKOFF,
): Promise<Artifact> {
  const name = manifestReference(repository.reference)
  const { digest, content } = await requireManifest(repository, name, signal, backoff)
  if (required !== undefined && required !== digest) {
    throw new AppError(
      'digest-mismatch',
      `Cannot use ${repository.reference.repository}: the recipe demands ${required} and "${name}" is ${digest}`,
    )
  }
  const manifest = parseManifest(content.toString('utf8'))
  if (manifest.kind === 'image') return artifactOf(digest, digest, manifest)
  const chosen = choosePlatform(manifest.manifests, architecture)
  const below = await requireManifest(repository, chosen.digest, signal, backoff)
  const image = parseManifest(below.content.toString('utf8'))
  if (image.kind === 'index') throw new AppError('registry-answer', 'Cannot use the manifest: an index in an index')
  return artifactOf(digest, chosen.digest, image)
}

function artifactOf(digest: Digest, manifest: Digest, { artifactType, config, layers }: ImageManifest): Artifact {
  return { digest, manifest, artifactType, config, layers }
}
