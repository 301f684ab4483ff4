import type { Digest } from '../shared/digest.ts'
import { digestAlgorithm, hashFor, sha256 } from '../shared/digest.ts'
import { AppError } from '../shared/errors.ts'
import { readBody } from '../shared/http-client.ts'
import { manifestReference } from '../shared/oci-reference.ts'
import type { Backoff } from '../shared/time.ts'
import { retry } from '../shared/time.ts'
import type { ImageManifest } from './manifest.ts'
import { choosePlatform, MANIFEST_TYPES, parseManifest } from './manifest.ts'
import type { Repository } from './registry.ts'
import { isTransient } from './registry.ts'

/** What a reference stands for. */
export interface Artifact extends ImageManifest {
  /** Of what the reference names: an index when it is one. */
  readonly digest: Digest
  /** Of the manifest with the layers: the same, or the one that was chosen from the index. */
  readonly manifest: Digest
}

/** Manifests are documents; registries limit them to 4 MiB as well. */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024

/** About half a minute: a registry that restarts is back by then. */
const BACKOFF: Backoff = { firstMs: 500, maxMs: 10_000, attempts: 6 }

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
  const get = (name: string) => retry(() => getManifest(repository, name, signal), backoff, isTransient, signal)
  const name = manifestReference(repository.reference)
  const top = await get(name)
  const digest = repository.reference.digest ?? sha256(top)
  checkDigest(top, digest, name)
  if (required !== undefined && required !== digest) {
    throw new AppError(
      'digest-mismatch',
      `Cannot use ${repository.reference.repository}: the recipe demands ${required} and "${name}" is ${digest}`,
    )
  }
  const manifest = parseManifest(top.toString('utf8'))
  if (manifest.kind === 'image') return artifactOf(digest, digest, manifest)
  const chosen = choosePlatform(manifest.manifests, architecture)
  const bytes = await get(chosen.digest)
  checkDigest(bytes, chosen.digest, chosen.digest)
  const image = parseManifest(bytes.toString('utf8'))
  if (image.kind === 'index') throw new AppError('registry-answer', 'Cannot use the manifest: an index in an index')
  return artifactOf(digest, chosen.digest, image)
}

function artifactOf(digest: Digest, manifest: Digest, { artifactType, config, layers }: ImageManifest): Artifact {
  return { digest, manifest, artifactType, config, layers }
}

async function getManifest(repository: Repository, name: string, signal: AbortSignal): Promise<Buffer> {
  const answer = await repository.get(`manifests/${name}`, { accept: MANIFEST_TYPES.join(', ') }, signal)
  try {
    return await readBody(answer, MAX_MANIFEST_BYTES)
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof AppError) throw cause
    throw new AppError('registry-answer', `Cannot read manifest "${name}"`, { cause, facts: { transient: true } })
  }
}

function checkDigest(bytes: Uint8Array, digest: Digest, name: string): void {
  const actual = `${digestAlgorithm(digest)}:${hashFor(digest).update(bytes).digest('hex')}`
  if (actual === digest) return
  throw new AppError('digest-mismatch', `Cannot use manifest "${name}": the registry sent ${actual}`)
}
