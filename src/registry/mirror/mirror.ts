import type { Digest } from '../../shared/digest.ts'
import type { BlobSender } from '../blob-response.ts'
import { blobHeaders, layOut } from '../blobs.ts'
import type { Call, Handler, RegistryDeps } from '../call.ts'
import { rangeApplies } from '../conditional.ts'
import { OciError } from '../errors.ts'
import { parseManifestReference, parseOciDigest } from '../reference.ts'
import type { RegistryHandlers } from '../routes.ts'
import type { DownloadDeps } from './download.ts'
import { type Download, startDownload } from './download.ts'
import { createJoin } from './joined.ts'
import { type Freshness, mirroredManifests } from './mirrored-manifests.ts'
import type { Covered, MirrorOptions } from './options.ts'
import { coveredBy, namespaced } from './options.ts'
import { createUpstreams } from './upstream.ts'

/** RFC 7234 5.5.1; clients that know it tell people, the others do not mind. */
const STALE_WARNING = '110 - "Response is Stale"'

/** Repositories looked at for content that is here already. */
const MOUNT_CANDIDATES = 16

type Content = Pick<RegistryHandlers, 'blobs' | 'manifests' | 'uploads' | 'discovery'>

export interface Mirror {
  /** The endpoints, with what is not here fetched first. */
  wrap(handlers: Content): Content
  /** The repository that a request means; see `namespaced`. */
  nameOf(repository: string, query: URLSearchParams): string
  /** Stops what is being fetched; it is fetched again when it is asked for again. */
  close(): Promise<void>
}

/** Pull-through: repositories that are covered by a mirror are fetched from its upstream, as far as they are asked for. */
export function createMirror(
  mirrors: () => readonly MirrorOptions[],
  deps: RegistryDeps & DownloadDeps,
  send: BlobSender,
): Mirror {
  const stop = new AbortController()
  const upstreams = createUpstreams(deps.log, deps.clock)
  const manifests = mirroredManifests(deps, upstreams, stop.signal)
  const running = new Map<string, Download>()
  const join = createJoin<Download | undefined>()

  /** Passes on what no mirror covers. */
  function covering(inner: Handler, handle: (call: Call, covered: Covered) => Promise<Response>): Handler {
    return async (call) => {
      const covered = coveredBy(mirrors(), call.repository)
      if (covered === undefined) return inner(call)
      const ns = call.query.get('ns')
      if (ns === covered.mirror.prefix) call.c.header('oci-namespace', ns)
      return handle(call, covered)
    }
  }

  async function getBlob(call: Call, covered: Covered, inner: Handler): Promise<Response> {
    const { c, repository } = call
    const digest = parseOciDigest(call.reference)
    if ((await deps.metadata.findBlob(repository, digest)) !== undefined) return inner(call)
    const key = `${repository}@${digest}`
    if (c.req.method === 'HEAD') {
      const size = running.get(key)?.blob.size ?? (await upstreams.of(covered).blobSize(digest, stop.signal))
      return c.body(null, 200, blobHeaders(c, { digest, size }))
    }
    const download = running.get(key) ?? (await join(key, () => begin(repository, covered, digest)))
    const reader = download?.attach()
    if (download === undefined || reader === undefined) return inner(call)
    const headers = blobHeaders(c, download.blob)
    const range = rangeApplies(c, headers.etag) ? c.req.header('range') : undefined
    try {
      return await send(c, reader, layOut(range, download.blob, headers))
    } catch (error) {
      await reader.close()
      throw error
    }
  }

  /** Undefined when no byte has to be moved: the upstream says that it has the blob, and so have we. */
  async function begin(repository: string, covered: Covered, digest: Digest): Promise<Download | undefined> {
    const key = `${repository}@${digest}`
    const upstream = upstreams.of(covered)
    const size = await upstream.blobSize(digest, stop.signal)
    for (const from of await deps.metadata.repositoriesWithBlob(digest, MOUNT_CANDIDATES)) {
      if (await deps.metadata.mountBlob(digest, from, repository, deps.clock.now())) return undefined
    }
    const blob = { digest, size, mediaType: 'application/octet-stream' }
    const content = upstream.blob(blob, stop.signal)
    const download = await startDownload(deps, repository, blob, content)
    running.set(key, download)
    void download.ended.finally(() => running.delete(key))
    return download
  }

  return {
    wrap: (inner) => ({
      blobs: {
        ...inner.blobs,
        get: covering(inner.blobs.get, (call, covered) => getBlob(call, covered, inner.blobs.get)),
      },
      manifests: {
        ...inner.manifests,
        get: covering(inner.manifests.get, async (call, covered) => {
          const reference = parseManifestReference(call.reference)
          warn(call, await manifests.ensure(call.repository, covered, reference))
          return inner.manifests.get(call)
        }),
        put: covering(inner.manifests.put, refuse),
      },
      uploads: { ...inner.uploads, start: covering(inner.uploads.start, refuse) },
      discovery: {
        ...inner.discovery,
        referrers: covering(inner.discovery.referrers, async (call, covered) => {
          const subject = parseOciDigest(call.reference)
          warn(call, await manifests.ensureReferrers(call.repository, covered, subject))
          return inner.discovery.referrers(call)
        }),
      },
    }),
    nameOf: (repository, query) => namespaced(mirrors(), repository, query.get('ns')),
    async close() {
      stop.abort(new Error('the registry stops'))
      await Promise.allSettled([...running.values()].map(({ ended }) => ended))
      upstreams.close()
    },
  }
}

function warn({ c }: Call, freshness: Freshness): void {
  if (freshness === 'stale') c.header('warning', STALE_WARNING)
}

/** What the upstream does not have would be gone with the next look at it. */
async function refuse({ repository }: Call, { mirror }: Covered): Promise<Response> {
  throw new OciError('UNSUPPORTED', { repository, reason: `it mirrors ${mirror.upstream} and can only be pulled` })
}
