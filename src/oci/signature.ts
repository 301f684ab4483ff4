import { type KeyObject, verify } from 'node:crypto'
import { signatureTag } from '../shared/attached-tags.ts'
import type { Digest } from '../shared/digest.ts'
import { AppError, errorText } from '../shared/errors.ts'
import type { Descriptor } from './manifest.ts'
import { parseManifest } from './manifest.ts'
import type { Artifact } from './pull.ts'
import type { Repository } from './registry.ts'
import type { RemotePolicy } from './remote-source.ts'
import { fetchManifest } from './remote-source.ts'
import { readSmallBlob } from './small-blob.ts'

/** cosign "Signature Specification": payload, signature, and what the payload calls itself. */
const PAYLOAD_TYPE = 'application/vnd.dev.cosign.simplesigning.v1+json'
const SIGNATURE = 'dev.cosignproject.cosign/signature'
const SUBJECT_TYPE = 'cosign container image signature'

/** A payload is some 250 bytes; signatures of one image are as many as people sign it. */
const MAX_PAYLOAD_BYTES = 64 * 1024
const MAX_SIGNATURES = 64

/**
 * Demands a signature of the artifact by the key: of what the reference names, or of the manifest that was chosen from it.
 * It lies under the tag `sha256-HEX.sig` of the repository, where cosign, skopeo and podman put it.
 * @returns the digest that is signed
 * @throws `signature-refused` with the reason
 */
export async function requireSignature(
  repository: Repository,
  { digest, manifest }: Pick<Artifact, 'digest' | 'manifest'>,
  key: KeyObject,
  signal: AbortSignal,
  policy?: RemotePolicy,
): Promise<Digest> {
  const reasons: string[] = []
  for (const subject of new Set([digest, manifest])) {
    const problem = await signatureProblem(repository, subject, key, signal, policy)
    if (problem === undefined) return subject
    reasons.push(problem)
  }
  const { host, repository: name } = repository.reference
  throw new AppError('signature-refused', `Cannot trust ${host}/${name}: ${reasons.join('; ')}`)
}

/** Undefined when one of the signatures is good. */
async function signatureProblem(
  repository: Repository,
  subject: Digest,
  key: KeyObject,
  signal: AbortSignal,
  policy: RemotePolicy | undefined,
): Promise<string | undefined> {
  const found = await fetchManifest(repository, signatureTag(subject), signal, policy?.backoff)
  if (found === undefined) return `${subject} has no signature`
  const attached = parseManifest(found.content.toString('utf8'))
  const layers = attached.kind === 'image' ? attached.layers : []
  const signatures = layers.filter(({ mediaType }) => mediaType === PAYLOAD_TYPE).slice(0, MAX_SIGNATURES)
  const reasons = new Set<string>()
  for (const layer of signatures) {
    const problem = await layerProblem(repository, layer, subject, key, signal, policy)
    if (problem === undefined) return undefined
    reasons.add(problem)
  }
  return `${subject} has no good signature: ${[...reasons].join(', ') || 'what is attached is none'}`
}

async function layerProblem(
  repository: Repository,
  layer: Descriptor,
  subject: Digest,
  key: KeyObject,
  signal: AbortSignal,
  policy: RemotePolicy | undefined,
): Promise<string | undefined> {
  const signature = Buffer.from(layer.annotations?.[SIGNATURE] ?? '', 'base64')
  try {
    const payload = await readSmallBlob(repository, layer, MAX_PAYLOAD_BYTES, signal, policy?.blob)
    // The signature is over the payload's bytes; nothing of them is believed before it holds.
    if (!verify('sha256', payload, key, signature)) return 'it is by another key'
    return payloadProblem(payload.toString('utf8'), subject)
  } catch (error) {
    signal.throwIfAborted()
    return errorText(error)
  }
}

/** containers/image "signature-format": what is signed is the digest in `critical`. Names differ on a mirror. */
function payloadProblem(text: string, subject: Digest): string | undefined {
  const { critical } = JSON.parse(text) as {
    critical?: { type?: unknown; image?: { 'docker-manifest-digest'?: unknown } }
  }
  if (critical?.type !== SUBJECT_TYPE) return 'it is no signature of an image'
  if (critical.image?.['docker-manifest-digest'] === subject) return undefined
  return 'it is of another image'
}
