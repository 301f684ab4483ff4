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

export function mediaHandlers(deps: MediaRouteDeps): Handlers<typeof MEDIA_ENDPOINTS> {
  return {
    async getMedium({ c, params: { token, name } }) {
      const job = await deps.jobs.byMediaToken(token)
      const medium = job !== undefined && isActive(job) ? await deps.medium(job, name) : undefined
      if (medium === undefined) throw new AppError('not-found', 'Cannot find this medium: its job has ended')
      return answer(c, medium, () => undefined)
    },
  }
}

/** One medium, whole or in part (RFC 9110 section 14). HEAD reads nothing: hono runs this handler for HEAD too. */
export function answer(c: Context, medium: Medium, onRead: (range: ByteRange) => void): Response {
  c.header('accept-ranges', 'bytes')
  c.header('etag', medium.etag)
  c.header('cache-control', 'no-transform')
  c.header('content-type', CONTENT_TYPE)
  const condition = c.req.header('if-range')
  const wanted =
    c.req.method === 'HEAD' || (condition !== undefined && condition !== medium.etag)
      ? undefined
      : c.req.header('range')
  const ranges = parseRange(wanted, medium.size)
  if (ranges === 'unsatisfiable') {
    c.header('content-range', `bytes */${medium.size}`)
    return c.body(null, 416)
  }
  const [first, second] = ranges ?? [{ start: 0, end: medium.size }]
  if (first !== undefined && second === undefined) return single(c, medium, first, ranges !== undefined, onRead)
  return multiple(c, medium, ranges ?? [], onRead)
}

function single(
  c: Context,
  medium: Medium,
  range: ByteRange,
  partial: boolean,
  onRead: (range: ByteRange) => void,
): Response {
  c.header('content-length', String(range.end - range.start))
  if (partial) c.header('content-range', `bytes ${range.start}-${range.end - 1}/${medium.size}`)
  if (c.req.method === 'HEAD') return c.body(null, 200)
  onRead(range)
  return c.body(
    ReadableStream.from(medium.read(range.start, range.end, c.req.raw.signal)) as ReadableStream,
    partial ? 206 : 200,
  )
}

function multiple(
  c: Context,
  medium: Medium,
  ranges: readonly ByteRange[],
  onRead: (range: ByteRange) => void,
): Response {
  const multipart = planMultipart(ranges, medium.size, CONTENT_TYPE, BOUNDARY)
  c.header('content-type', multipart.contentType)
  c.header('content-length', String(multipart.length))
  async function* body(): AsyncGenerator<Uint8Array> {
    for (const { head, range } of multipart.parts) {
      yield head
      onRead(range)
      yield* medium.read(range.start, range.end, c.req.raw.signal)
    }
    yield multipart.tail
  }
  return c.body(ReadableStream.from(body()) as ReadableStream, 206)
}
