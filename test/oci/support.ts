import type { ContentSource } from '../../src/oci/content.ts'
import type { CopyPlan, PlanOptions } from '../../src/oci/copy-plan.ts'
import { planCopy } from '../../src/oci/copy-plan.ts'
import type { Repository } from '../../src/oci/registry.ts'
import { openRepository } from '../../src/oci/registry.ts'
import type { RemotePolicy } from '../../src/oci/remote-source.ts'
import { remoteSource } from '../../src/oci/remote-source.ts'
import { parseOciReference } from '../../src/shared/oci-reference.ts'
import type { TestRegistry } from '../registry/support/open-registry.ts'
import { IMAGE, INDEX, pushImage, served, testRegistry } from '../registry/support/open-registry.ts'
import { scratch } from '../support/scratch.ts'

export const never = new AbortController().signal
export const FAST = { firstMs: 1, maxMs: 2, attempts: 3 }
export const FAST_POLICY: RemotePolicy = { backoff: FAST, blob: { backoff: FAST, patienceMs: 100 } }
export const FAST_UPLOAD = { backoff: FAST, fruitless: 5 }
export const ALL: PlanOptions = { referrers: true, platform: undefined }

/** A directory of the test's own. */
export async function directory(): Promise<string> {
  const path = scratch()
  return path
}

/** Our own registry on a port, and its repositories as a client sees them. */
export async function ourRegistry(): Promise<TestRegistry & { host: string; repository(name: string): Repository }> {
  const registry = await testRegistry()
  const { url } = await served(registry)
  const host = new URL(url).host
  return { ...registry, host, repository: (name) => repositoryAt(host, name) }
}

export function repositoryAt(host: string, name: string): Repository {
  const reference = parseOciReference(`oci://${host}/${name}`)
  return openRepository(reference, { plainHttp: true, caPem: undefined, credentials: undefined })
}

export function source(repository: Repository): ContentSource {
  return remoteSource(repository, FAST_POLICY)
}

export function plan(from: ContentSource, reference: string, options: Partial<PlanOptions> = {}): Promise<CopyPlan> {
  return planCopy(from, reference, { ...ALL, ...options }, never)
}

/**
 * An index of two platforms as `name:13`, with a signature by referrer on the index, one on that signature, and a cosign
 * tag on one of the images.
 */
export async function pushSignedIndex(registry: TestRegistry, name: string) {
  const one = await pushImage(registry, name, 'amd64')
  const two = await pushImage(registry, name, 'arm64')
  const entry = ({ digest, size }: typeof one, architecture: string) => ({
    mediaType: IMAGE,
    digest,
    size,
    platform: { os: 'linux', architecture },
  })
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: INDEX,
    manifests: [entry(one, 'amd64'), entry(two, 'arm64')],
  })
  const put = await registry.request('PUT', `/v2/${name}/manifests/13`, { headers: { 'content-type': INDEX }, body })
  const digest = put.headers.get('docker-content-digest') ?? ''
  const subjectOf = (of: string, size: number, mediaType: string) => ({ subject: { mediaType, digest: of, size } })
  const signature = await pushImage(registry, name, undefined, {
    artifactType: 'application/x-signature',
    annotations: { 'signed-by': 'us' },
    ...subjectOf(digest, body.length, INDEX),
  })
  const second = await pushImage(registry, name, undefined, {
    artifactType: 'application/x-countersignature',
    ...subjectOf(signature.digest, signature.size, IMAGE),
  })
  const cosignTag = `${one.digest.replace(':', '-')}.sig`
  await pushImage(registry, name, cosignTag)
  return { digest, images: [one.digest, two.digest], signature: signature.digest, second: second.digest, cosignTag }
}

/** The digests of the referrers of a manifest, as our registry lists them. */
export async function referrersOf(registry: TestRegistry, name: string, digest: string): Promise<string[]> {
  const answer = await registry.request('GET', `/v2/${name}/referrers/${digest}`)
  return ((await answer.json()) as { manifests: { digest: string }[] }).manifests.map((found) => found.digest)
}
