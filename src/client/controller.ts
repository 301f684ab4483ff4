import { readFile } from 'node:fs/promises'
import type { Invocation, OptionSpec } from '../commands/command.ts'
import type { ErrorCode, Problem } from '../shared/errors.ts'
import { AppError, ERRORS, isAppError } from '../shared/errors.ts'
import { readBody, sendRequest } from '../shared/http-client.ts'
import { withTimeout } from '../shared/time.ts'
import type { ServerSentEvent } from './server-sent-events.ts'
import { readEvents } from './server-sent-events.ts'

/** Options of every command that talks to a controller; the token itself comes from PROVISIONER_TOKEN or a file. */
export const CONTROLLER_OPTIONS = {
  controller: { value: 'URL', default: 'https://127.0.0.1:8443', doc: 'The controller to talk to' },
  'token-file': { value: 'FILE', doc: 'File with the API token (else PROVISIONER_TOKEN)' },
  ca: { value: 'FILE', doc: "The controller's CA certificate, PEM" },
} as const satisfies Readonly<Record<string, OptionSpec>>

/** The API of one controller. Answers are what the OpenAPI document says; failures are the controller's own words. */
export interface Controller {
  get<T>(path: string): Promise<T>
  text(path: string): Promise<string>
  post<T>(path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<T>
  delete(path: string): Promise<void>
  /** Reads, changes, and writes back what nobody else changed meanwhile (`ETag`, `If-Match`). */
  patch<T>(path: string, body: unknown): Promise<T>
  /** The events at `path` as they come, behind the last one known; undefined from a controller that has no stream for us. */
  events(path: string, lastId: string | undefined): Promise<AsyncIterable<ServerSentEvent> | undefined>
}

const ANSWER_MS = 30_000
const MAX_ANSWER = 64 * 1024 * 1024

/** `answerMs` is for what a BMC is asked. @throws `controller-unreachable`, or the error the controller answered with */
export async function openController(invocation: Invocation, answerMs: number = ANSWER_MS): Promise<Controller> {
  const base = invocation.required('controller').replace(/\/+$/, '')
  if (!/^https?:\/\//.test(base) || !URL.canParse(base))
    throw new AppError(
      'usage',
      `Cannot use "${base}" as --controller: an address such as "https://192.0.2.1:8443" is expected`,
    )
  const token = await readToken(invocation)
  const caFile = invocation.text('ca')
  const caPem = caFile === undefined ? undefined : await readText(caFile)

  type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

  function request(method: Method, path: string, body?: unknown, headers = {}) {
    return {
      url: new URL(`${base}/api/v1${path}`),
      method,
      caPem,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }
  }

  function unreachable(cause: unknown): never {
    if (invocation.signal.aborted || isAppError(cause)) throw cause
    throw new AppError('controller-unreachable', `Cannot reach the controller at ${base}`, { cause })
  }

  async function exchange(method: Method, path: string, body?: unknown, headers = {}) {
    const signal = withTimeout(invocation.signal, answerMs)
    const whole = async () => {
      const answer = await sendRequest(request(method, path, body, headers), signal)
      return { ...answer, content: await readBody(answer, MAX_ANSWER) }
    }
    const answer = await whole().catch(unreachable)
    if (answer.status >= 300) throw problemOf(answer.status, answer.content, base)
    return answer
  }

  async function send(method: Method, path: string, body?: unknown, headers = {}): Promise<Buffer> {
    return (await exchange(method, path, body, headers)).content
  }

  /** The controller says something every 15 s; a connection that is silent for longer is dead. */
  async function events(path: string, lastId: string | undefined) {
    const headers = { accept: 'text/event-stream', ...(lastId !== undefined && { 'last-event-id': lastId }) }
    const answer = await sendRequest(request('GET', path, undefined, headers), invocation.signal).catch(unreachable)
    if (answer.status === 200 && answer.headers['content-type']?.startsWith('text/event-stream')) {
      return translated(readEvents(answer.body))
    }
    const content = await readBody(answer, MAX_ANSWER).catch(unreachable)
    if (answer.status < 300 || answer.status === 429 || answer.status === 406) return undefined
    throw problemOf(answer.status, content, base)
  }

  async function* translated(stream: AsyncIterable<ServerSentEvent>): AsyncGenerator<ServerSentEvent> {
    try {
      yield* stream
    } catch (cause) {
      unreachable(cause)
    }
  }

  function json<T>(content: Buffer): T {
    try {
      return JSON.parse(content.toString('utf8')) as T
    } catch (cause) {
      throw new AppError('controller-unreachable', `Cannot use ${base}: its answer is not JSON, is it a controller?`, {
        cause,
      })
    }
  }
  return {
    get: async <T>(path: string) => json<T>(await send('GET', path)),
    text: async (path) => (await send('GET', path)).toString('utf8'),
    post: async <T>(path: string, body?: unknown, headers = {}) => json<T>(await send('POST', path, body, headers)),
    delete: async (path) => void (await send('DELETE', path)),
    async patch<T>(path: string, body: unknown) {
      const { etag } = (await exchange('GET', path)).headers
      return json<T>(await send('PATCH', path, body, etag === undefined ? {} : { 'if-match': etag }))
    },
    events,
  }
}

async function readToken(invocation: Invocation): Promise<string> {
  const file = invocation.text('token-file')
  const token = file === undefined ? (invocation.io.env['PROVISIONER_TOKEN'] ?? '') : (await readText(file)).trim()
  if (token === '') throw new AppError('usage', 'Cannot log in: set PROVISIONER_TOKEN or give --token-file FILE')
  return token
}

async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new AppError('request-invalid', `Cannot read "${file}"`, { cause })
  })
}

/** RFC 9457: `detail` is for people, `code` and `details` are ours. */
function problemOf(status: number, content: Buffer, base: string): AppError {
  let problem: Record<string, unknown> = {}
  try {
    problem = JSON.parse(content.toString('utf8')) as Record<string, unknown>
  } catch {
    return new AppError('controller-unreachable', `Cannot use ${base}: it answered ${status} and no problem document`)
  }
  const code = String(problem['code'])
  const known = code in ERRORS ? (code as ErrorCode) : 'controller-unreachable'
  const details = Array.isArray(problem['details']) ? (problem['details'] as Problem[]) : []
  return new AppError(known, String(problem['detail'] ?? problem['title'] ?? `The controller answered ${status}`), {
    problems: details,
  })
}
