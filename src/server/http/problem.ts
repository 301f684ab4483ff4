import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { ErrorKind } from '../../shared/errors.ts'
import { ERRORS, errorText, isAppError } from '../../shared/errors.ts'
import type { Logger } from '../../shared/log.ts'

/** The only place where a failure of the API becomes an HTTP status. */
export const STATUS = {
  usage: 400,
  invalid: 400,
  'too-large': 413,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  method: 405,
  timeout: 408,
  'media-type': 415,
  conflict: 409,
  stale: 412,
  'too-many': 429,
  unavailable: 503,
  failed: 500,
} as const satisfies Record<ErrorKind, ContentfulStatusCode>

/** More than anybody reads; a body of megabytes can have a million. */
const MAX_DETAILS = 100

/** The status that an error is answered with. */
export function statusOf(error: unknown): ContentfulStatusCode {
  return isAppError(error) ? STATUS[error.kind] : 500
}

/** RFC 9457 section 3.1 members, with our `code` and `details` as extensions (section 3.2). */
export function problemResponse(error: unknown, c: Context, log: Logger): Response {
  const known = isAppError(error) ? error : undefined
  const status = statusOf(error)
  // The token in the path of a medium is a secret of its job.
  const path = c.req.path.replace(/^\/media\/[^/]+/, '/media/[redacted]')
  if (status >= 500) log.error({ err: error, path }, 'request failed')
  if (status === 401) c.header('www-authenticate', 'Bearer realm="provisioner"')
  if (known?.retryAfterSeconds !== undefined) c.header('retry-after', String(known.retryAfterSeconds))
  c.header('content-type', 'application/problem+json')
  return c.body(
    JSON.stringify({
      type: known ? `/errors/${known.code}` : 'about:blank',
      title: known ? ERRORS[known.code].title : 'Internal Server Error',
      status,
      instance: path,
      ...(known && { detail: errorText(known), code: known.code, details: known.problems.slice(0, MAX_DETAILS) }),
    }),
    status,
  )
}
