import { AppError } from '../shared/errors.ts'

/** One event of a stream (HTML standard, section 9.2). */
export interface ServerSentEvent {
  readonly event: string
  readonly data: string
  /** The last id that was sent; with it a client goes on later. */
  readonly id: string | undefined
}

/** Characters of one event: the longest message of a job is far shorter. */
const MAX_EVENT = 1024 * 1024

/** Reads a stream as it arrives; comments, which only keep it alive, are left out. @throws `size-exceeded` */
export async function* readEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  let id: string | undefined
  let event = 'message'
  let data: string[] = []
  let length = 0
  for await (const line of linesOf(chunks)) {
    if (line === '') {
      if (data.length > 0) yield { event, data: data.join('\n'), id }
      event = 'message'
      data = []
      length = 0
      continue
    }
    length += line.length
    if (length > MAX_EVENT) throw endless()
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (field === 'id') id = value
    else if (field === 'event') event = value
    else if (field === 'data') data.push(value)
  }
}

async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r\n|\n/)
    rest = lines.pop() ?? ''
    if (rest.length > MAX_EVENT) throw endless()
    yield* lines
  }
}

function endless(): AppError {
  return new AppError('size-exceeded', 'Cannot read the events: one of them never ends')
}
