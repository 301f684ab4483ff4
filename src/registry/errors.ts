import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { AppError, isAppError } from '../shared/errors.ts'
import type { Logger } from '../shared/log.ts'
import type { Exchange } from './exchange.ts'

/**
 * distribution-spec "Error Codes", code-1 … code-14, with the statuses of its endpoint table. The rows below the line are
 * not in the specification, which allows further codes: the first two are distribution's, the others ours.
 */
const OCI_ERRORS = {
  BLOB_UNKNOWN: { status: 404, message: 'blob unknown to registry' },
  BLOB_UPLOAD_INVALID: { status: 400, message: 'blob upload invalid' },
  BLOB_UPLOAD_UNKNOWN: { status: 404, message: 'blob upload unknown to registry' },
  DIGEST_INVALID: { status: 400, message: 'provided digest did not match uploaded content' },
  MANIFEST_BLOB_UNKNOWN: { status: 404, message: 'manifest references a manifest or blob unknown to registry' },
  MANIFEST_INVALID: { status: 400, message: 'manifest invalid' },
  MANIFEST_UNKNOWN: { status: 404, message: 'manifest unknown to registry' },
  NAME_INVALID: { status: 400, message: 'invalid repository name' },
  NAME_UNKNOWN: { status: 404, message: 'repository name not known to registry' },
  SIZE_INVALID: { status: 400, message: 'provided length did not match content length' },
  UNAUTHORIZED: { status: 401, message: 'authentication required' },
  DENIED: { status: 403, message: 'requested access to the resource is denied' },
  UNSUPPORTED: { status: 405, message: 'the operation is unsupported' },
  TOOMANYREQUESTS: { status: 429, message: 'too many requests' },
  // ---
  RANGE_INVALID: { status: 416, message: 'the range cannot be satisfied' },
  PAGINATION_NUMBER_INVALID: { status: 400, message: 'invalid number of results requested' },
  UPLOAD_BUSY: { status: 409, message: 'another request is writing to this upload' },
  TAG_IMMUTABLE: { status: 409, message: 'the tag is immutable: it can neither move nor be removed' },
  TOO_LARGE: { status: 413, message: 'the content is larger than allowed' },
  STORAGE_FULL: { status: 507, message: 'there is no space left to store the content' },
  UPSTREAM_UNAVAILABLE: { status: 502, message: 'the upstream registry gave no usable answer' },
  UNKNOWN: { status: 500, message: 'unknown error' },
} as const satisfies Record<string, { readonly status: ContentfulStatusCode; readonly message: string }>

export type OciCode = keyof typeof OCI_ERRORS

export interface OciErrorOptions extends ErrorOptions {
  /** Sent with the response, such as `Location` and `Range` of an upload that goes on. */
  readonly headers?: Readonly<Record<string, string>>
  /** Instead of the table's, where it helps whoever reads it: most clients show nothing else. */
  readonly message?: string
}

/** Every failure under /v2/ that is the client's business. `detail` is shown to the client: never a secret. */
export class OciError extends Error {
  override readonly name = 'OciError'
  readonly code: OciCode
  readonly detail: unknown
  readonly headers: Readonly<Record<string, string>>

  constructor(code: OciCode, detail?: unknown, options: OciErrorOptions = {}) {
    super(options.message ?? OCI_ERRORS[code].message, options)
    this.code = code
    this.detail = detail
    this.headers = options.headers ?? {}
  }
}

/** The challenge that clients look for on `GET /v2/` (RFC 7617). */
const CHALLENGE = 'Basic realm="provisioner"'

/** The only place where a failure under /v2/ becomes a response: clients parse nothing else. */
export function ociErrorResponse(error: unknown, c: Exchange, log: Logger): Response {
  const known = toOciError(error)
  const { status } = OCI_ERRORS[known.code]
  if (status >= 500) log.error({ err: error, method: c.req.method, path: c.req.path }, 'registry request failed')
  for (const [name, value] of Object.entries(known.headers)) c.header(name, value)
  if (status === 401 && !('www-authenticate' in known.headers)) c.header('www-authenticate', CHALLENGE)
  const { code, message, detail } = known
  return c.json({ errors: [{ code, message, detail }] }, status)
}

function toOciError(error: unknown): OciError {
  if (error instanceof OciError) return error
  if (isStorageFull(error)) return new OciError('STORAGE_FULL', undefined, { cause: error })
  if (isAppError(error, 'unauthenticated')) return new OciError('UNAUTHORIZED', undefined, { cause: error })
  if (isAppError(error, 'forbidden')) return new OciError('DENIED', undefined, { cause: error })
  if (isAppError(error, 'rate-limited')) return tooManyRequests(error)
  return new OciError('UNKNOWN', undefined, { cause: error })
}

function tooManyRequests(error: AppError): OciError {
  const headers = { 'retry-after': String(error.retryAfterSeconds ?? 1) }
  return new OciError('TOOMANYREQUESTS', undefined, { cause: error, message: error.message, headers })
}

/** SQLITE_FULL, "Result and Error Codes" of SQLite. */
const SQLITE_FULL = 13

/** True for a full disk or quota, whether the file system or the database noticed it. */
export function isStorageFull(error: unknown): boolean {
  if (error instanceof OciError) return error.code === 'STORAGE_FULL'
  if (!(error instanceof Error) || error instanceof AppError) return false
  if ('code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')) return true
  return 'errcode' in error && error.errcode === SQLITE_FULL
}
