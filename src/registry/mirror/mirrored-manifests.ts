import type { ManifestDocument } from '../../oci/content.ts'
import type { Digest } from '../../shared/digest.ts'
import type { RegistryDeps } from '../call.ts'
import { OciError } from '../errors.ts'
import { parseManifest } from '../manifest-content.ts'
import type { ManifestReference } from '../reference.ts'
import { createJoin } from './joined.ts'
import type { Covered } from './options.ts'
import type { Upstreams } from './upstream.ts'

/** `stale`: what is here may be old, because the upstream could not be asked. */
export type Freshness = 'fresh' | 'stale'

const TAG_TTL_MS = 60_000

/** Tags and referrers whose last check is remembered; the oldest are forgotten, and checked again. */
const MAX_CHECKED = 10_000

/** More are not fetched for a list: they are looked at one by one. */
const MAX_REFERRERS = 200

export interface MirroredManifests {
  /** Makes sure that the manifest is here if it exists. @throws MANIFEST_UNKNOWN, UPSTREAM_UNAVAILABLE */
  ensure(repository: string, covered: Covered, reference: ManifestReference): Promise<Freshness>
  /** The same for what refers to a manifest. */
  ensureReferrers(repository: string, covered: Covered, subject: Digest): Promise<Freshness>
}

type Deps = Pick<RegistryDeps, 'metadata' | 'quotas' | 'clock' | 'log'>

/** Manifests of mirrored repositories: by digest once for all, by tag as long as the upstream says the same. */
export function mirroredManifests(deps: Deps, upstreams: Upstreams, signal: AbortSignal): MirroredManifests {
  const { metadata, clock, log } = deps
  const join = createJoin<Freshness>()
  const checkedAt = new Map<string, number>()

  function isRecent(key: string, { mirror }: Covered): boolean {
    const at = checkedAt.get(key)
    return at !== undefined && clock.now().getTime() - at < (mirror.tagTtlMs ?? TAG_TTL_MS)
  }

  function noteChecked(key: string): void {
    checkedAt.delete(key)
    const [oldest] = checkedAt.keys()
    if (checkedAt.size >= MAX_CHECKED && oldest !== undefined) checkedAt.delete(oldest)
    checkedAt.set(key, clock.now().getTime())
  }

  async function fetchDigest(repository: string, covered: Covered, digest: Digest): Promise<Freshness> {
    if ((await metadata.headManifest(repository, { digest })) !== undefined) return 'fresh'
    await store(repository, await upstreams.of(covered).manifest(digest, signal), [])
    return 'fresh'
  }

  async function refreshTag(repository: string, covered: Covered, tag: string): Promise<Freshness> {
    const key = `${repository}:${tag}`
    const present = await metadata.headManifest(repository, { tag })
    if (present !== undefined && isRecent(key, covered)) return 'fresh'
    try {
      const upstream = upstreams.of(covered)
      // HEAD first: registries count pulls by GET, and an unchanged tag is the usual case.
      const digest = present === undefined ? undefined : await upstream.tagDigest(tag, signal)
      if (digest === undefined || digest !== present?.digest) {
        await store(repository, await upstream.manifest(tag, signal), [tag])
      }
      noteChecked(key)
      return 'fresh'
    } catch (error) {
      if (present === undefined || !isUnavailable(error)) throw error
      log.info({ repository, tag }, 'tag served without having asked the upstream')
      return 'stale'
    }
  }

  async function refreshReferrers(repository: string, covered: Covered, subject: Digest): Promise<Freshness> {
    const key = `${repository} referrers ${subject}`
    if (isRecent(key, covered)) return 'fresh'
    try {
      const digests = await upstreams.of(covered).referrers(subject, signal)
      for (const digest of digests.slice(0, MAX_REFERRERS)) await fetchDigest(repository, covered, digest)
      noteChecked(key)
      return 'fresh'
    } catch (error) {
      if (isUnavailable(error)) return 'stale'
      throw error
    }
  }

  async function store(repository: string, { digest, content, mediaType }: ManifestDocument, tags: readonly string[]) {
    const { edges, ...facts } = parseManifest(content, mediaType)
    // Sparse: what it points at comes when it is asked for.
    const options = { edges, tags, sparse: true, at: clock.now() }
    await deps.quotas.adding({ repository, bytes: content.length }, async () => {
      await metadata.putManifest(repository, { digest, content, ...facts }, options)
      return true
    })
    log.info({ repository, digest, tags, mediaType }, 'manifest fetched from upstream')
  }

  return {
    ensure: (repository, covered, reference) =>
      'digest' in reference
        ? join(`${repository}@${reference.digest}`, () => fetchDigest(repository, covered, reference.digest))
        : join(`${repository}:${reference.tag}`, () => refreshTag(repository, covered, reference.tag)),
    ensureReferrers: (repository, covered, subject) =>
      join(`${repository} referrers ${subject}`, () => refreshReferrers(repository, covered, subject)),
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof OciError && error.code === 'UPSTREAM_UNAVAILABLE'
}
