import { AppError, type ErrorCode, isAppError } from '../../shared/errors.ts'

/** What programs decide by when a BMC refuses or cannot do something. The sentence beside it is for people. */
export interface BmcRefusal {
  /** Of the HTTP answer. */
  readonly status?: number | undefined
  /** Refused whenever it is ordered. */
  readonly isFinal?: boolean
  /** Nothing but a restart of the BMC is left to try. */
  readonly restartHelps?: true
  readonly reason?: RefusalReason
}

export type RefusalReason =
  | 'login'
  /** It has just started, and does not tell yet what it is. */
  | 'starting'
  /** Media come from file shares only. */
  | 'no-http'
  | 'http-only'
  | 'https-only'

interface RefusalOptions extends BmcRefusal, ErrorOptions {
  /** For the log. */
  readonly method?: string
  readonly path?: string
}

/** How such an error is made: by `bmcRefusal` it is read. */
export function refusal<C extends 'redfish-answer' | 'redfish-unsupported'>(
  code: C,
  message: string,
  { cause, ...facts }: RefusalOptions,
): AppError<C> {
  return new AppError(code, message, { cause, facts })
}

/** The same error, with another cause or more to decide by. */
export function refusalWith<C extends ErrorCode>(
  { code, message, cause, facts }: AppError<C>,
  { cause: other = cause, ...more }: RefusalOptions,
): AppError<C> {
  return new AppError(code, message, { cause: other, facts: { ...facts, ...more } })
}

/** Nothing of any other error. */
export function bmcRefusal(error: unknown): BmcRefusal {
  return isAppError(error) && error.code.startsWith('redfish-') ? error.facts : {}
}

/** Of the error and of all that it was caused by. */
export function refusalReasons(error: unknown): readonly RefusalReason[] {
  if (!(error instanceof Error)) return []
  const { reason } = bmcRefusal(error)
  return [...(reason === undefined ? [] : [reason]), ...refusalReasons(error.cause)]
}
