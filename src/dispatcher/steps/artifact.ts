import { PATIENT_BLOB_POLICY } from '../../oci/blob.ts'
import { hostArchitecture } from '../../oci/manifest.ts'
import type { Artifact } from '../../oci/pull.ts'
import { resolveArtifact } from '../../oci/pull.ts'
import type { RegistryAccess, Repository } from '../../oci/registry.ts'
import { openRepository } from '../../oci/registry.ts'
import type { RemotePolicy } from '../../oci/remote-source.ts'
import { requireSignature } from '../../oci/signature.ts'
import type { Digest } from '../../shared/digest.ts'
import { openConnections } from '../../shared/http-client.ts'
import type { OciReference } from '../../shared/oci-reference.ts'
import { parseOciReference } from '../../shared/oci-reference.ts'
import type { Recipe } from '../../shared/recipe/schema.ts'
import { parseSigningKey } from '../../shared/signing-key.ts'
import type { JobFile } from '../../shared/task/job-file.ts'
import { connectionsTo } from '../connections.ts'
import type { MeterDeps } from '../imaging/meter.ts'
import { tellBreaks } from '../imaging/meter.ts'
import type { StepContext } from './step.ts'

/** The controller's registry gets the job's credential and the controller's CA; every other is reached anonymously. */
export function accessFor(reference: OciReference, job: JobFile): RegistryAccess {
  if (reference.host !== job.registry.host) {
    return { plainHttp: false, caPem: undefined, credentials: undefined, connections: openConnections({}) }
  }
  return {
    connections: connectionsTo(job),
    plainHttp: job.controller.url.startsWith('http:'),
    caPem: job.controller.ca_pem ?? undefined,
    credentials: { username: job.registry.username, password: job.registry.password },
  }
}

export interface OpenedArtifact {
  readonly repository: Repository
  readonly artifact: Artifact
  /** The digest that a key of the recipe has signed; undefined when the recipe demands no signature. */
  readonly signed: Digest | undefined
}

/** Once the disk is erased there is no way back, so a registry is waited for as long as in the middle of a layer, which is told. */
export function erasedPolicy(context: MeterDeps): RemotePolicy {
  const onBreak = tellBreaks(context, () => 'the manifest')
  const { backoff, patienceMs: forMs } = PATIENT_BLOB_POLICY
  return {
    backoff: { ...backoff, attempts: Number.POSITIVE_INFINITY, forMs, onBreak },
    blob: { ...PATIENT_BLOB_POLICY, onBreak },
  }
}

/**
 * The artifact of the recipe, as far as its manifest: digest and signature are what the recipe demands.
 * @throws `registry-answer`, `digest-mismatch`, `signature-refused`
 */
export async function openArtifact(
  { recipe, job, say, signal }: Pick<StepContext, 'recipe' | 'job' | 'say' | 'signal'>,
  policy?: RemotePolicy,
): Promise<OpenedArtifact> {
  const { verify, oci_url: url } = recipe
  const reference = parseOciReference(url ?? '')
  const repository = openRepository(reference, accessFor(reference, job))
  const artifact = await resolveArtifact(repository, hostArchitecture(), verify?.digest, signal, policy?.backoff)
  if (verify?.public_key === undefined) return { repository, artifact, signed: undefined }
  const signed = await requireSignature(repository, artifact, parseSigningKey(verify.public_key), signal, policy)
  say(`${signed} is signed by the key of the recipe`)
  return { repository, artifact, signed }
}

/** What a step's result says of where the bytes came from. */
export function artifactFacts(recipe: Recipe, { artifact, signed }: OpenedArtifact) {
  return { oci_url: recipe.oci_url, manifest: artifact.digest, ...(signed !== undefined && { signed }) }
}
