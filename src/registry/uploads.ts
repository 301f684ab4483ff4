import type { Digest } from '../shared/digest.ts'
import type { Call, Handler, RegistryDeps } from './call.ts'
import { OciError } from './errors.ts'
import { parseAlgorithm, parseOciDigest, parseRepository } from './reference.ts'
import { requestBody } from './request-body.ts'
import type { UploadSessions } from './upload-sessions.ts'
import { uploadHeaders } from './upload-sessions.ts'

/** Repositories looked at for a mount without `from`. */
const MOUNT_CANDIDATES = 64

export interface UploadEndpoints {
  readonly start: Handler
  readonly append: Handler
  readonly finish: Handler
  readonly status: Handler
  readonly cancel: Handler
}

/** end-4a, end-4b, end-4c, end-11 (POST), end-5 (PATCH), end-6 (PUT), end-13 (GET), end-14 (DELETE). */
export function uploadEndpoints(deps: RegistryDeps, sessions: UploadSessions): UploadEndpoints {
  return {
    async start(call) {
      const { c, repository, query } = call
      const algorithm = parseAlgorithm(query.get('digest-algorithm'))
      const mounted = await mount(call, deps)
      if (mounted !== undefined) return created(call, mounted)
      const digest = query.get('digest')
      if (digest !== null) {
        const finish = parseOciDigest(digest)
        const size = await sessions.receiveWhole(repository, requestBody(c), finish)
        return stored(call, finish, size)
      }
      // A client that is told now has not sent anything yet.
      await deps.quotas.ensure(repository, 1)
      const session = await sessions.start(repository, algorithm)
      return c.body(null, 202, { ...uploadHeaders(session, 0), 'content-length': '0' })
    },
    async append({ c, repository, reference }) {
      const at = parseContentRange(c.req.header('content-range'))
      const size = await sessions.append(repository, reference, { body: requestBody(c), ...(at && { at }) })
      return c.body(null, 202, { ...uploadHeaders({ repository, id: reference }, size), 'content-length': '0' })
    },
    async finish(call) {
      const { c, repository, reference, query } = call
      const finish = parseOciDigest(query.get('digest') ?? '')
      const at = parseContentRange(c.req.header('content-range'))
      const request = { body: requestBody(c), finish, ...(at && { at }) }
      return stored(call, finish, await sessions.append(repository, reference, request))
    },
    async status({ c, repository, reference }) {
      const size = await sessions.size(repository, reference)
      return c.body(null, 204, uploadHeaders({ repository, id: reference }, size))
    },
    async cancel({ c, repository, reference }) {
      await sessions.cancel(repository, reference)
      return c.body(null, 204)
    },
  }
}

/**
 * end-11: the blob of another repository becomes one of this, if the caller may pull it there. Undefined when it cannot
 * be done; the client then uploads as usual, and learns nothing about what it may not see.
 */
async function mount(call: Call, { metadata, quotas, clock }: RegistryDeps): Promise<Digest | undefined> {
  const text = call.query.get('mount')
  if (text === null) return undefined
  const digest = parseOciDigest(text)
  const from = call.query.get('from')
  const candidates =
    from === null || from === ''
      ? await metadata.repositoriesWithBlob(digest, MOUNT_CANDIDATES)
      : [parseRepository(from)]
  for (const candidate of candidates) {
    if (!(await call.may(candidate, 'pull'))) continue
    const blob = await metadata.findBlob(candidate, digest)
    if (blob === undefined) continue
    const isMounted = await quotas.adding({ repository: call.repository, bytes: blob.size, from: candidate }, () =>
      metadata.mountBlob(digest, candidate, call.repository, clock.now()),
    )
    if (!isMounted) continue
    call.c.facts.change = { what: 'blob mounted', repository: call.repository, digest, from: candidate }
    return digest
  }
  return undefined
}

function stored(call: Call, digest: Digest, bytes: number): Response {
  call.c.facts.change = { what: 'blob stored', repository: call.repository, digest, bytes }
  return created(call, digest)
}

function created({ c, repository }: Call, digest: Digest): Response {
  return c.body(null, 201, {
    location: `/v2/${repository}/blobs/${digest}`,
    'docker-content-digest': digest,
    'content-length': '0',
  })
}

/** `<first>-<last>`, both inclusive; some clients write RFC 9110's unit in front. @throws BLOB_UPLOAD_INVALID */
function parseContentRange(header: string | undefined): { start: number; length: number } | undefined {
  if (header === undefined) return undefined
  const match = /^(?:bytes[ =])?(\d+)-(\d+)(?:\/(?:\d+|\*))?$/.exec(header.trim())
  const [start, end] = [Number(match?.[1]), Number(match?.[2]) + 1]
  if (match === null || end <= start) throw new OciError('BLOB_UPLOAD_INVALID', { contentRange: header.slice(0, 100) })
  return { start, length: end - start }
}
