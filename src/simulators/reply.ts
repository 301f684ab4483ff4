import type { ErrorRules } from './profile.ts'

/** What a request or an answer has in it. */
export type Body = Readonly<Record<string, unknown>>

export interface Reply {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface Refusal {
  readonly status: number
  /** `PropertyUnknown`; a whole id (with dots) is taken as it is. */
  readonly id: string
  readonly text: string
  readonly args?: readonly string[]
  readonly properties?: readonly string[]
}

/** A refusal in the words and the shape of the vendor (DSP0266 "Error responses", and what is made of it). */
export function refuse(rules: ErrorRules, { status, id, text, args = [], properties }: Refusal): Reply {
  const messageId = id.includes('.') ? id : `${rules.registry}.${id}`
  if (rules.shape === 'plain') return { status, body: { error: { code: messageId, message: text } } }
  const info = {
    '@odata.type': '#Message.v1_1_1.Message',
    MessageId: messageId,
    Message: text,
    MessageArgs: args,
    Severity: status < 400 ? 'OK' : 'Critical',
    Resolution: 'None.',
    ...(properties && { RelatedProperties: properties }),
  }
  const error = {
    code: 'Base.1.12.GeneralError',
    message: 'A general error has occurred. See ExtendedInfo for more information.',
    '@Message.ExtendedInfo': rules.shape === 'object' ? info : [info],
  }
  return { status, body: { error } }
}
