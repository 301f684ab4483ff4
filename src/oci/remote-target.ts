import { referrersTag } from '../shared/attached-tags.ts'
import type { Digest } from '../shared/digest.ts'
import { retry } from '../shared/time.ts'
import type { ContentTarget, ManifestDocument } from './content.ts'
import { linksOf, parseJsonObject, referrerEntry } from './graph.ts'
import type { Repository } from './registry.ts'
import { isTransient } from './registry.ts'
import { BACKOFF, fetchManifest } from './remote-source.ts'
import type { UploadPolicy } from './upload.ts'
import { drained, pushBlob } from './upload.ts'

const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json'

export const UPLOAD_POLICY: UploadPolicy = { backoff: BACKOFF, fruitless: 5 }

/** Writes to a repository of a registry. */
export function remoteTarget(repository: Repository, policy: UploadPolicy = UPLOAD_POLICY): ContentTarget {
  async function put(reference: string, { content, mediaType }: Omit<ManifestDocument, 'digest'>, signal: AbortSignal) {
    const headers = { 'content-type': mediaType }
    const target = `manifests/${reference}`
    const request = { method: 'PUT', target, headers, body: () => content, expected: [200, 201, 202] } as const
    return retry(() => drained(repository.send(request, signal)), policy.backoff, isTransient, signal)
  }

  return {
    name: `${repository.reference.host}/${repository.reference.repository}`,
    putBlob: (blob, read, signal) => pushBlob(repository, blob, read, policy, signal),
    async putManifest(manifest, signal) {
      const answer = await put(manifest.digest, manifest, signal)
      const { subject } = linksOf(manifest)
      // Without that header the registry does not know referrers (distribution-spec "Pushing Manifests with Subject").
      if (subject === undefined || answer.headers['oci-subject'] !== undefined) return
      await put(referrersTag(subject), await withReferrer(repository, subject, manifest, signal), signal)
    },
    async tag(manifest, tag, signal) {
      // A tag alone would make a sha256 of it; end-7b names what was pushed by another digest.
      const sha256 = manifest.digest.startsWith('sha256:')
      await put(sha256 ? tag : `${manifest.digest}?tag=${encodeURIComponent(tag)}`, manifest, signal)
    },
  }
}

/** The index behind the fallback tag, with one more entry. Two writers at once can lose one, as the specification says. */
async function withReferrer(repository: Repository, subject: Digest, manifest: ManifestDocument, signal: AbortSignal) {
  const present = await fetchManifest(repository, referrersTag(subject), signal)
  const list = present === undefined ? [] : parseJsonObject(present.content, present.digest)['manifests']
  const others = (Array.isArray(list) ? list : []).filter(
    (entry: { digest?: unknown } | null) => entry?.digest !== manifest.digest,
  )
  const manifests = [...others, referrerEntry(manifest)]
  const content = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests }))
  return { content, mediaType: INDEX_TYPE }
}
