import type { Context } from 'hono'
import { AppError } from '../../shared/errors.ts'
import type { ByteRange } from '../../shared/http-range.ts'
import { parseRange, planMultipart } from '../../shared/http-range.ts'
import type { Endpoints } from '../http/endpoint.ts'
import { byteRanges, bytes } from '../http/endpoint.ts'
import type { Handlers } from '../http/mount.ts'
import type { Job } from '../jobs/machine.ts'
import { isActive } from '../jobs/machine.ts'
import type { JobStore } from '../jobs/ports.ts'
import type { Medium } from '../media/medium.ts'

export interface MediaRouteDeps {
  readonly jobs: Pick<JobStore, 'byMediaToken'>
  /** The medium of that name, or undefined. */
  medium(job: Job, name: string): Promise<Medium | undefined>
}

const CONTENT_TYPE = 'application/octet-stream'
const BOUNDARY = 'provisionermedia'
const ONE_PIECE = 64 * 1024

/** The day of every date in our images: what is behind a URL never changes, and has the same date after a restart. */
const LAST_MODIFIED = 'Tue, 01 Jan 1980 00:00:00 GMT'

/** BMCs read by thousands of small ranges, know no redirects, and cache: exact lengths, a strong ETag, a URL that lives as long as the attempt. */
export const MEDIA_ENDPOINTS = {
  getMedium: {
    method: 'GET',
    path: '/media/{token}/{name}',
    may: 'anyone',
    summary: 'Read a medium of a job: maintenance.iso, task.iso or combined.iso',
    description: 'The token in the path is the permission; it ends with the attempt (docs/contracts.md section 4).',
    head: true,
    answers: { 200: bytes('The medium'), 206: byteRanges('Parts of it'), 416: bytes('No such range') },
    errors: ['not-found'],
  },
} as const satisfies Endpoints

export const STATIC_ENDPOINTS = {
  getMaintenanceImage: {
    method: 'GET',
    path: '/api/static/bootc-maintenance.iso',
    may: 'anyone',
    summary: 'Read the maintenance ISO that jobs boot',
    description: 'It holds no secret. Its ETag is of its content, and changes with it.',
    head: true,
    answers: { 200: bytes('The image'), 206: byteRanges('Parts of it'), 416: bytes('No such range') },
    errors: ['not-found'],
  },
} as const satisfies Endpoints

export function staticHandlers({
  maintenance,
}: {
  maintenance(): Medium | undefined
}): Handlers<typeof STATIC_ENDPOINTS> {
  return {
    getMaintenanceImage({ c }) {
      const image = maintenance()
      if (image === undefined) throw new AppError('not-found', 'Cannot find the image: none is configured')
      // Another image may be behind this URL tomorrow: only the ETag tells.
      return answer(c, image, { isDated: false })
    },
  }
}

export function mediaHandlers(deps: MediaRouteDeps): Handlers<typeof MEDIA_ENDPOINTS> {
  return {
    async getMedium({ c, params: { token, name } }) {
      const job = await deps.jobs.byMediaToken(token)
      const medium = job !== undefined && isActive(job) ? await deps.medium(job, name) : undefined
      if (medium === undefined)
        throw new AppError('not-found', 'Cannot find this medium: its job has ended, or the image is another one now')
      return answer(c, medium)
    },
  }
}

/** One medium, whole or in part (RFC 9110 section 14). HEAD reads nothing: hono runs this handler for HEAD too. */
export function answer(c: Context, medium: Medium, { isDated } = { isDated: true }): Response | Promise<Response> {
  c.header('accept-ranges', 'bytes')
  c.header('etag', medium.etag)
  if (isDated) c.header('last-modified', LAST_MODIFIED)
  c.header('cache-control', 'no-transform')
  c.header('content-type', CONTENT_TYPE)
  const condition = c.req.header('if-range')
  const isSame = condition === medium.etag || (isDated && condition === LAST_MODIFIED)
  const isOther = condition !== undefined && !isSame
  const wanted = c.req.method === 'HEAD' || isOther ? undefined : c.req.header('range')
  const ranges = parseRange(wanted, medium.size)
  if (ranges === 'unsatisfiable') {
    c.header('content-range', `bytes */${medium.size}`)
    return c.body(null, 416)
  }
  const [first, second] = ranges ?? [{ start: 0, end: medium.size }]
  if (first === undefined || second !== undefined) return multiple(c, medium, ranges ?? [])
  return single(c, medium, first, ranges !== undefined)
}

async function single(c: Context, medium: Medium, { start, end }: ByteRange, partial: boolean): Promise<Response> {
  c.header('content-length', String(end - start))
  if (partial) c.header('content-range', `bytes ${start}-${end - 1}/${medium.size}`)
  if (c.req.method === 'HEAD') return c.body(null, 200)
  const bytes = medium.read(start, end, c.req.raw.signal)
  const status = partial ? 206 : 200
  // In one piece: a stream for each of thousands of small answers costs more than their bytes.
  if (end - start <= ONE_PIECE) return c.body(Buffer.concat(await Array.fromAsync(bytes)), status)
  return c.body(ReadableStream.from(bytes) as ReadableStream, status)
}

function multiple(c: Context, medium: Medium, ranges: readonly ByteRange[]): Response {
  const multipart = planMultipart(ranges, medium.size, CONTENT_TYPE, BOUNDARY)
  c.header('content-type', multipart.contentType)
  c.header('content-length', String(multipart.length))
  async function* body(): AsyncGenerator<Uint8Array> {
    for (const { head, range } of multipart.parts) {
      yield head
      yield* medium.read(range.start, range.end, c.req.raw.signal)
    }
    yield multipart.tail
  }
  return c.body(ReadableStream.from(body()) as ReadableStream, 206)
}
