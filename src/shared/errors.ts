/**
 * Every failure the system reports on purpose. One row per code; `docs/errors.md` is compared with this table in both
 * directions by test/docs.test.ts.
 */
export const ERRORS = {
  usage: { kind: 'usage', title: 'The command line is not understood' },
  'config-invalid': { kind: 'invalid', title: 'The configuration is not valid' },
  internal: { kind: 'failed', title: 'An error of the controller itself' },
  'not-ready': { kind: 'unavailable', title: 'The controller cannot do its work yet' },
  'request-invalid': { kind: 'invalid', title: 'The request cannot be read' },
  'recipe-invalid': { kind: 'invalid', title: 'The recipe is not valid' },
  unauthenticated: { kind: 'unauthenticated', title: 'Who is calling is not known' },
  forbidden: { kind: 'forbidden', title: 'The caller may not do that' },
  'rate-limited': { kind: 'too-many', title: 'The caller asks too often' },
  'user-not-found': { kind: 'not-found', title: 'There is no such user' },
  'user-exists': { kind: 'conflict', title: 'There is a user of that name already' },
  'token-not-found': { kind: 'not-found', title: 'There is no such token' },
  'last-admin': { kind: 'conflict', title: 'Somebody must be left who may change accounts' },
  'method-not-allowed': { kind: 'method', title: 'The path has no such method' },
  'media-type': { kind: 'media-type', title: 'The body has a type that is not taken here' },
  'request-timeout': { kind: 'timeout', title: 'The request did not arrive in time' },
  'not-found': { kind: 'not-found', title: 'There is no such thing' },
  'job-not-found': { kind: 'not-found', title: 'There is no such job' },
  'job-active': { kind: 'conflict', title: 'The server already has an active job' },
  'queue-full': { kind: 'unavailable', title: 'Too many jobs wait to be begun' },
  'job-transition': { kind: 'conflict', title: 'The job cannot do that in its present state' },
  'server-not-found': { kind: 'not-found', title: 'There is no such server' },
  'server-changed': { kind: 'stale', title: 'The server was changed by somebody else' },
  'server-exists': { kind: 'conflict', title: 'The server is registered already' },
  'backup-failed': { kind: 'failed', title: 'The backup cannot be written or read' },
  'data-in-use': { kind: 'conflict', title: 'Another process has the data directory open' },
  'size-exceeded': { kind: 'too-large', title: 'The content is larger than allowed' },
  'digest-mismatch': { kind: 'invalid', title: 'The content does not match its digest' },
  'iso-plan': { kind: 'invalid', title: 'The ISO9660 image cannot be made' },
  'boot-image': { kind: 'invalid', title: 'A bootable image cannot be made of these parts' },
  'iso-read': { kind: 'invalid', title: 'The ISO9660 image cannot be read' },
  'reference-invalid': { kind: 'invalid', title: 'The artifact reference is not valid' },
  'signature-key': { kind: 'invalid', title: 'The public key cannot be used' },
  'signature-refused': { kind: 'invalid', title: 'The artifact or firmware is not signed as the recipe demands' },
  'archive-invalid': { kind: 'invalid', title: 'The tar archive cannot be read' },
  'layout-invalid': { kind: 'invalid', title: 'The OCI layout or its archive cannot be used' },
  'registry-answer': { kind: 'unavailable', title: 'The registry gave an answer that cannot be used' },
  'bmc-address': { kind: 'invalid', title: 'No BMC may be at that address' },
  'redfish-unreachable': { kind: 'unavailable', title: 'The BMC did not answer' },
  'redfish-answer': { kind: 'unavailable', title: 'The BMC refused or gave an answer that cannot be used' },
  'redfish-unsupported': { kind: 'unavailable', title: 'The BMC cannot do what the job needs' },
  'controller-unreachable': { kind: 'unavailable', title: 'The controller did not answer' },
  'native-addon': { kind: 'failed', title: 'A native library inside the executable cannot be loaded' },
  'medium-missing': { kind: 'failed', title: 'No task medium was found' },
  'medium-unreadable': { kind: 'failed', title: 'The task medium cannot be read' },
  'schema-unusable': { kind: 'failed', title: 'The recipe schema on the task medium cannot be used' },
  'recipe-unreadable': { kind: 'failed', title: 'The recipe on the task medium cannot be read' },
  'outputs-unwritable': { kind: 'failed', title: 'The dispatcher cannot write what the steps need' },
  'handover-failed': { kind: 'failed', title: 'systemd did not take over the task' },
  'not-root': { kind: 'failed', title: 'Root rights are needed' },
  'serial-mismatch': { kind: 'failed', title: 'The task medium is meant for another server' },
  'signature-invalid': { kind: 'failed', title: 'The task medium is not what the controller signed' },
  'disk-refused': { kind: 'failed', title: 'The disk may not be written' },
  'image-unusable': { kind: 'invalid', title: 'The disk image cannot be written' },
  'read-back': { kind: 'failed', title: 'The disk does not hold what was written' },
  'program-failed': { kind: 'failed', title: 'A program ended with an error' },
  'step-failed': { kind: 'failed', title: 'A provisioning step cannot be done' },
  'job-failed': { kind: 'failed', title: 'The job ended without success' },
} as const satisfies Record<string, { readonly kind: ErrorKind; readonly title: string }>

/** What a caller can do about a failure. Transport layers map this, never the code. */
export type ErrorKind =
  | 'usage' // read --help
  | 'invalid' // fix the input
  | 'too-large' // send less
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'stale' // read it again, then decide anew
  | 'conflict' // try again when the state has changed
  | 'method'
  | 'media-type'
  | 'timeout' // send faster
  | 'too-many' // ask less often
  | 'unavailable' // try again later
  | 'failed' // read the log

export type ErrorCode = keyof typeof ERRORS

/** One thing wrong with a document: where (a JSON pointer), a stable code, and a sentence. */
export interface Problem {
  readonly path: string
  readonly code: string
  readonly message: string
}

export function problem(path: string, code: string, message: string): Problem {
  return { path, code, message }
}

export interface AppErrorOptions extends ErrorOptions {
  /** Facts for the log, and for programs by a reader that types them (`bmcRefusal`). Never secrets. */
  readonly facts?: Readonly<Record<string, unknown>>
  /** Every problem of a document at once. */
  readonly problems?: readonly Problem[]
  /** When it is worth trying again. */
  readonly retryAfterSeconds?: number
}

/** The one error class thrown on purpose (`/v2/` has OciError). Anything else is a bug. */
export class AppError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'AppError'
  readonly code: C
  readonly facts: Readonly<Record<string, unknown>>
  readonly problems: readonly Problem[]
  readonly retryAfterSeconds: number | undefined

  constructor(code: C, message: string, options: AppErrorOptions = {}) {
    super(message, options)
    this.code = code
    this.facts = options.facts ?? {}
    this.problems = options.problems ?? []
    this.retryAfterSeconds = options.retryAfterSeconds
  }

  get kind(): ErrorKind {
    return ERRORS[this.code].kind
  }
}

export function isAppError<C extends ErrorCode>(error: unknown, code?: C): error is AppError<C> {
  return error instanceof AppError && (code === undefined || error.code === code)
}

/** The whole chain of causes in one line, outermost first: what an operator reads. */
export function errorText(error: unknown): string {
  const parts: string[] = []
  for (let at: unknown = error; at !== undefined && parts.length < 8; at = at instanceof Error ? at.cause : undefined) {
    const text = at instanceof Error ? at.message || at.name : String(at)
    if (text !== '' && !parts.includes(text)) parts.push(text)
  }
  return parts.join(': ')
}

/** What is wrong with a document, in a line for each problem. */
export function problemLines(error: unknown): string[] {
  return isAppError(error) ? error.problems.map(({ path, message }) => `${path || '/'}: ${message}`) : []
}
