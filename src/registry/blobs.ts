import { randomBytes } from 'node:crypto'
import { contentRange, parseRange, planMultipart } from '../shared/http-range.ts'
import type { BlobResponse, BlobSender } from './blob-response.ts'
import type { Call, Handler, RegistryDeps } from './call.ts'
import { entityTag, immutableCache, isUnchanged, rangeApplies, withoutLength } from './conditional.ts'
import { OciError } from './errors.ts'
import type { Change, Exchange } from './exchange.ts'
import { openChecked, touch } from './open-blob.ts'
import { parseOciDigest } from './reference.ts'
import { smallContent } from './small-blob.ts'
import type { StoredBlob } from './storage/storage.ts'

const CONTENT_TYPE = 'application/octet-stream'

/** end-2 (GET and HEAD), end-10 (DELETE). */
export function blobEndpoints(deps: RegistryDeps, send: BlobSender): { get: Handler; delete: Handler } {
  return {
    async get({ c, repository, reference }) {
      const digest = parseOciDigest(reference)
      const blob = await deps.metadata.findBlob(repository, digest)
      if (blob === undefined) throw new OciError('BLOB_UNKNOWN', { digest })
      if (c.req.method === 'HEAD') await touch(deps, repository, blob)
      const headers = blobHeaders(c, blob)
      if (isUnchanged(c, headers.etag)) return c.body(null, 304, withoutLength(headers))
      // HEAD is answered from the row; hono would run a GET and leave its file open.
      if (c.req.method === 'HEAD') return c.body(null, 200, headers)

      const range = rangeApplies(c, headers.etag) ? c.req.header('range') : undefined
      const small = range === undefined ? await smallContent(deps, repository, blob) : undefined
      if (small !== undefined) return c.body(small, 200, headers)
      const response = layOut(range, blob, headers)
      return send(c, await openChecked(deps, repository, blob), response)
    },
    async delete(call) {
      const digest = parseOciDigest(call.reference)
      if (!(await deps.metadata.removeBlob(call.repository, digest))) throw new OciError('BLOB_UNKNOWN', { digest })
      return accepted(call, { what: 'blob removed', repository: call.repository, digest })
    },
  }
}

/** Of every answer about a blob. */
export function blobHeaders(c: Exchange, { digest, size }: StoredBlob) {
  return {
    'content-type': CONTENT_TYPE,
    'content-length': String(size),
    'docker-content-digest': digest,
    'accept-ranges': 'bytes',
    etag: entityTag(digest),
    'cache-control': immutableCache(c),
  }
}

/** Decides between the whole blob, one range and several (RFC 9110 14.2, 15.3.7). */
export function layOut(
  range: string | undefined,
  { digest, size }: StoredBlob,
  headers: Readonly<Record<string, string>>,
): BlobResponse {
  const ranges = parseRange(range, size)
  if (ranges === undefined) return { status: 200, headers, parts: [{ range: { start: 0, end: size } }] }
  const [only] = ranges
  if (ranges === 'unsatisfiable' || only === undefined || typeof only === 'string') {
    const options = { headers: { 'content-range': `bytes */${size}` } }
    throw new OciError('RANGE_INVALID', { digest, size }, options)
  }
  if (ranges.length === 1) {
    const length = String(only.end - only.start)
    const partial = { ...headers, 'content-length': length, 'content-range': contentRange(only, size) }
    return { status: 206, headers: partial, parts: [{ range: only }] }
  }
  const plan = planMultipart(ranges, size, CONTENT_TYPE, randomBytes(16).toString('hex'))
  const multipart = { ...headers, 'content-type': plan.contentType, 'content-length': String(plan.length) }
  return { status: 206, headers: multipart, parts: plan.parts, tail: plan.tail }
}

/** 202 for a deletion, and a line for whoever asks later who did it. */
export function accepted({ c }: Call, change: Change): Response {
  c.facts.change = change
  return c.body(null, 202)
}
