import type { IncomingHttpHeaders } from 'node:http'
import type { AppError } from '../../shared/errors.ts'
import { type BmcRefusal, refusal } from '../jobs/bmc-refusal.ts'
import { textAt } from './json.ts'
import { messagesText, type RedfishMessage } from './messages.ts'

/** What the BMC answered. A refusal is a value here, because ladders look at it and try something else. */
export interface RedfishAnswer {
  readonly method: string
  readonly path: string
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
  readonly messages: readonly RedfishMessage[]
  /** Told by a task, some time after the request was accepted. */
  readonly byTask?: boolean
  /** The task that does it at the next reset. */
  readonly scheduled?: string
}

export function isOk(answer: RedfishAnswer): boolean {
  return answer.status >= 200 && answer.status < 300
}

/** The entity tag to send back verbatim; the header's first (DSP0266 "ETags"). An empty one counts as none. */
export function etagOf(answer: RedfishAnswer): string | undefined {
  const header = answer.headers.etag?.trim()
  return header !== undefined && header !== '' ? header : textAt(answer.body, '@odata.etag')
}

/** `HTTP 400: The property Inserted is not … (Base.1.8.PropertyUnknown)`. */
export function answerText(answer: RedfishAnswer): string {
  const words = messagesText(answer.messages)
  return words === '' ? `HTTP ${answer.status}` : `HTTP ${answer.status}: ${words}`
}

/** The refusal as an error: "Cannot ‹what›: HTTP 400: …". */
export function refused(
  what: string,
  answer: RedfishAnswer,
  more: BmcRefusal & ErrorOptions = {},
): AppError<'redfish-answer'> {
  const { method, path, status } = answer
  return refusal('redfish-answer', `Cannot ${what}: ${answerText(answer)}`, { method, path, status, ...more })
}

/** The answer, or an error when the BMC refused. */
export function must(what: string, answer: RedfishAnswer): RedfishAnswer {
  if (!isOk(answer)) throw refused(what, answer)
  return answer
}
