import { createHash } from 'node:crypto'
import type { Digest } from '../shared/digest.ts'
import { hashFor, isContent } from '../shared/digest.ts'
import { accepted } from './blobs.ts'
import type { Call, Handler, RegistryDeps } from './call.ts'
import { entityTag, immutableCache, isUnchanged, withoutLength } from './conditional.ts'
import { OciError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { parseManifest } from './manifest-content.ts'
import type { ManifestReference } from './reference.ts'
import { parseManifestReference, parseTag } from './reference.ts'
import { readBounded, requestBody } from './request-body.ts'
import { retentionOf } from './retention.ts'
import type { ManifestHead, RemoveOptions, StoredManifest } from './storage/storage.ts'

/** distribution-spec "Pushing Manifests" asks for at least 4 MiB. */
const MAX_MANIFEST_BYTES = 8 << 20

/** end-3 (GET and HEAD), end-7a and end-7b (PUT), end-9 (DELETE). */
export function manifestEndpoints(deps: RegistryDeps): { get: Handler; put: Handler; delete: Handler } {
  return {
    get: (call) => getManifest(call, deps),
    put: (call) => putManifest(call, deps),
    delete: (call) => deleteManifest(call, deps),
  }
}

async function getManifest({ c, repository, reference }: Call, deps: RegistryDeps): Promise<Response> {
  const { metadata, contents } = deps
  const parsed = parseManifestReference(reference)
  const head = await metadata.headManifest(repository, parsed)
  if (head === undefined) throw new OciError('MANIFEST_UNKNOWN', { reference })
  const headers = manifestHeaders(c, parsed, head)
  if (isUnchanged(c, headers.etag)) return c.body(null, 304, withoutLength(headers))
  if (c.req.method === 'HEAD') return c.body(null, 200, headers)
  const known = contents.get(head.digest)
  if (known !== undefined) return c.body(known, 200, headers)

  const manifest = await metadata.findManifest(repository, { digest: head.digest })
  if (manifest === undefined) throw new OciError('MANIFEST_UNKNOWN', { reference })
  if (!isContent(manifest.digest, manifest.content)) await condemn(deps, manifest)
  contents.put(manifest.digest, manifest.content)
  return c.body(manifest.content, 200, headers)
}

/** Rot in the database: never served as good, and unknown from then on until it is pushed again. */
async function condemn({ metadata, log }: RegistryDeps, { digest, content }: StoredManifest): Promise<never> {
  if (await metadata.condemnManifest(digest, content)) log.error({ digest }, 'stored manifest is damaged')
  throw new OciError('UNKNOWN', { digest, reason: 'the stored content is damaged; push it again' })
}

function manifestHeaders(c: Exchange, reference: ManifestReference, { digest, mediaType, size }: ManifestHead) {
  return {
    'content-type': mediaType,
    'content-length': String(size),
    'docker-content-digest': digest,
    etag: entityTag(digest),
    'cache-control': 'digest' in reference ? immutableCache(c) : 'no-cache',
  }
}

/** Missing references that an answer names: a manifest of 8 MiB may have 100,000. */
const MAX_NAMED = 100

async function putManifest(call: Call, deps: RegistryDeps): Promise<Response> {
  const { c, repository, reference, query } = call
  const parsed = reference.includes(':') ? parseManifestReference(reference) : { tag: parseTag(reference) }
  const tags = [...('tag' in parsed ? [parsed.tag] : []), ...query.getAll('tag').map(parseTag)]
  const content = await readBounded(requestBody(c), MAX_MANIFEST_BYTES)
  const digest = manifestDigest(content, parsed)
  const { edges, ...facts } = parseManifest(content, c.req.header('content-type'))

  const options = { edges, tags, sparse: deps.sparse, ...changeOptions(deps, repository) }
  await deps.quotas.adding({ repository, bytes: content.length }, async () => {
    const missing = await deps.metadata.putManifest(repository, { digest, content, ...facts }, options)
    if (missing.length === 0) return true
    throw new OciError('MANIFEST_BLOB_UNKNOWN', { missing: missing.slice(0, MAX_NAMED), count: missing.length })
  })
  c.facts.change = { what: 'manifest stored', repository, digest, tags, bytes: content.length }
  return c.body(null, 201, {
    location: `/v2/${repository}/manifests/${digest}`,
    'docker-content-digest': digest,
    'content-length': '0',
    ...(facts.subject !== undefined && { 'oci-subject': facts.subject }),
    ...(query.has('tag') && { 'oci-tag': tags.join(', ') }),
  })
}

function changeOptions({ clock, retention }: RegistryDeps, repository: string): RemoveOptions {
  return { at: clock.now(), isFixed: retentionOf(retention(), repository).isFixed }
}

/** Pushed by digest: verified with that algorithm. By tag: sha256. */
function manifestDigest(content: Uint8Array, reference: ManifestReference): Digest {
  if ('tag' in reference) return `sha256:${createHash('sha256').update(content).digest('hex')}`
  const { digest } = reference
  const actual = hashFor(digest).update(content).digest('hex')
  if (digest.endsWith(`:${actual}`)) return digest
  throw new OciError('DIGEST_INVALID', { digest, actual })
}

async function deleteManifest(call: Call, deps: RegistryDeps): Promise<Response> {
  const { repository, reference } = call
  const parsed = parseManifestReference(reference)
  const removed =
    'tag' in parsed
      ? await deps.metadata.removeTag(repository, parsed.tag, changeOptions(deps, repository))
      : await deps.metadata.removeManifest(repository, parsed.digest, changeOptions(deps, repository))
  if (!removed) throw new OciError('MANIFEST_UNKNOWN', { reference })
  return 'tag' in parsed
    ? accepted(call, { what: 'tag removed', repository, tags: [parsed.tag] })
    : accepted(call, { what: 'manifest removed', repository, digest: parsed.digest })
}
