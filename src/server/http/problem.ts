import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { ErrorKind, Problem } from '../../shared/errors.ts'
import { AppError, ERRORS, errorText, isAppError } from '../../shared/errors.ts'
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
  const status = statusOf(error)
  // What nobody has thought of is told to the log alone.
  const known = isAppError(error) ? error : new AppError('internal', 'Cannot answer: see the log of the controller')
  // The token in the path of a medium is a secret of its job.
  const path = c.req.path.replace(/^\/media\/[^/]+/, '/media/[redacted]')
  if (status >= 500) log.error({ err: error, path }, 'request failed')
  if (status === 401) c.header('www-authenticate', 'Bearer realm="provisioner"')
  if (known.retryAfterSeconds !== undefined) c.header('retry-after', String(known.retryAfterSeconds))
  c.header('content-type', 'application/problem+json')
  return c.body(
    JSON.stringify({
      type: `/errors/${known.code}`,
      title: ERRORS[known.code].title,
      status,
      instance: path,
      detail: errorText(known),
      code: known.code,
      details: shown(known.problems),
    }),
    status,
  )
}

function shown(problems: readonly Problem[]): readonly Problem[] {
  const more = problems.length - MAX_DETAILS
  if (more <= 0) return problems
  return [...problems.slice(0, MAX_DETAILS), { path: '', code: 'more', message: `and ${more} more problems` }]
}
