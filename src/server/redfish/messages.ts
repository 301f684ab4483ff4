import { at, isObject, textAt, textsAt } from './json.ts'

/** One message of a Redfish answer (DSP0266 "Error responses"). */
export interface RedfishMessage {
  /** `Base.1.8.PropertyUnknown`; the registry's version differs from box to box, so compare the end. */
  readonly id: string
  readonly text: string
  /** The text for people, without what is secret; `text` when absent. Ladders read `text`: a password may be any word. */
  readonly shown?: string
  readonly arguments: readonly string[]
  readonly properties: readonly string[]
}

/** More of the BMC's own words than this helps nobody. */
const MAX_TEXT = 600
const MAX_MESSAGES = 50

/**
 * Every message of an answer's body: of an error, of a success, of a task. `error.code` may be missing and
 * `@Message.ExtendedInfo` may be an object instead of an array; both are seen in the field.
 */
export function parseMessages(body: unknown): readonly RedfishMessage[] {
  const error = at(body, 'error')
  const lists = [at(error, '@Message.ExtendedInfo'), at(body, '@Message.ExtendedInfo'), at(body, 'Messages')]
  const all = lists.flatMap((list) => (Array.isArray(list) ? list.slice(0, MAX_MESSAGES) : [list]))
  const messages = all.flatMap(parseMessage)
  if (messages.length > 0 || !isObject(error)) return messages
  const [id, text] = [textAt(error, 'code') ?? '', textAt(error, 'message') ?? '']
  return id === '' && text === '' ? [] : [{ id, text, arguments: [], properties: [] }]
}

/** Whether one of the messages has this name, whatever its registry and version. */
export function hasMessage(messages: readonly RedfishMessage[], name: RegExp): boolean {
  return messages.some((message) => name.test(message.id))
}

/** The messages as the BMC says them, for an operator: sentences, each with its id. */
export function messagesText(messages: readonly RedfishMessage[]): string {
  const sentences = messages
    .map(({ id, shown, text: raw }) => [id, shown ?? raw] as const)
    .map(([id, text]) => (text === '' ? id : id === '' ? text : `${text} (${id})`))
  const whole = [...new Set(sentences)].join(' ')
  return whole.length > MAX_TEXT ? `${whole.slice(0, MAX_TEXT)} …` : whole
}

function parseMessage(value: unknown): readonly RedfishMessage[] {
  const id = textAt(value, 'MessageId') ?? textAt(value, 'MessageID') ?? ''
  const text = textAt(value, 'Message') ?? ''
  if (id === '' && text === '') return []
  const properties = textsAt(value, 'RelatedProperties') ?? []
  return [{ id, text, arguments: textsAt(value, 'MessageArgs') ?? [], properties }]
}
