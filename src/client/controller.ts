import type { Invocation, OptionSpec } from '../commands/command.ts'
import type { ErrorCode, Problem } from '../shared/errors.ts'
import { AppError, ERRORS, isAppError } from '../shared/errors.ts'
import { readTextFile } from '../shared/files.ts'
import type { HttpAnswer } from '../shared/http-client.ts'
import { readBody, retryAfterSeconds, sendRequest } from '../shared/http-client.ts'
import type { Backoff, sleep } from '../shared/time.ts'
import { retry, withTimeout } from '../shared/time.ts'
import type { ServerSentEvent } from './server-sent-events.ts'
import { readEvents } from './server-sent-events.ts'
import { readLogin } from './stored-login.ts'

const DEFAULT_CONTROLLER = 'https://127.0.0.1:8443'

/** Options of every command that talks to a controller; the token itself comes from PROVISIONER_TOKEN or a file. */
export const CONTROLLER_OPTIONS = {
  controller: { value: 'URL', doc: `The controller to talk to (else that of "login", else ${DEFAULT_CONTROLLER})` },
  'token-file': { value: 'FILE', doc: 'File with the API token (else PROVISIONER_TOKEN, else that of "login")' },
  ca: { value: 'FILE', doc: "The controller's CA certificate, PEM" },
} as const satisfies Readonly<Record<string, OptionSpec>>

/** The API of one controller. Answers are what the OpenAPI document says; failures are the controller's own words. */
export interface Controller {
  get<T>(path: string, headers?: Readonly<Record<string, string>>): Promise<T>
  text(path: string): Promise<string>
  post<T>(path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<T>
  /** A POST that is answered without content. */
  order(path: string, body: unknown): Promise<void>
  delete(path: string): Promise<void>
  /** Reads, changes, and writes back what nobody else changed meanwhile (`ETag`, `If-Match`). */
  patch<T>(path: string, body: unknown): Promise<T>
  /** The events at `path` as they come, behind the last one known; undefined from a controller that has no stream for us. */
  events(path: string, lastId: string | undefined): Promise<AsyncIterable<ServerSentEvent> | undefined>
}

const ANSWER_MS = 30_000
const MAX_ANSWER = 64 * 1024 * 1024

/** Of a request that the controller refused before it did anything, and says when to come again: a minute in all. */
const AGAIN: Backoff = { firstMs: 500, maxMs: 20_000, attempts: 4 }

/** `answerMs` is for what a BMC is asked. @throws `controller-unreachable`, or the error the controller answered with */
export async function openController(invocation: Invocation, answerMs: number = ANSWER_MS): Promise<Controller> {
  return connectController(await accessOf(invocation), invocation.signal, answerMs)
}

/** Which controller, whom to trust there, and how to prove who is asking. */
export interface Access {
  readonly controller: string
  readonly caPem: string | undefined
  readonly authorization: string
}

/** What is given wins; what is not comes from the stored login, as far as that is of the same controller. */
async function accessOf(invocation: Invocation): Promise<Access> {
  const { io, text, usage } = invocation
  const stored = await readLogin(io)
  const controller = (text('controller') ?? stored?.controller ?? DEFAULT_CONTROLLER).replace(/\/+$/, '')
  const login = stored?.controller === controller ? stored : undefined
  const file = text('token-file')
  const token = file === undefined ? io.env['PROVISIONER_TOKEN'] || login?.token : (await readTextFile(file)).trim()
  const caFile = text('ca')
  const caPem = caFile === undefined ? (login?.caPem ?? undefined) : await readTextFile(caFile)
  checkAddress(controller, invocation)
  if (token === undefined || token === '')
    throw usage('there is no token: use "provisioner login", PROVISIONER_TOKEN or --token-file FILE')
  return { controller, caPem, authorization: `Bearer ${token}` }
}

/** @throws `usage` */
export function checkAddress(base: string, { origin, usage }: Pick<Invocation, 'origin' | 'usage'>): void {
  if (/^https?:\/\//.test(base) && URL.canParse(base)) return
  throw usage(`${origin('controller')} is an address such as "https://192.0.2.1:8443", not "${base}"`)
}

/** The API of the controller that `access` describes. */
export function connectController(
  { controller: base, caPem, authorization }: Access,
  stop: AbortSignal,
  answerMs: number = ANSWER_MS,
  pause?: typeof sleep,
): Controller {
  type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

  function request(method: Method, path: string, body?: unknown, headers = {}) {
    return {
      url: new URL(`${base}/api/v1${path}`),
      method,
      trust: { only: caPem },
      headers: { authorization, 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }
  }

  function unreachable(cause: unknown): never {
    if (stop.aborted || isAppError(cause)) throw cause
    throw new AppError('controller-unreachable', `Cannot reach the controller at ${base}`, { cause })
  }

  function exchange(method: Method, path: string, body?: unknown, headers = {}) {
    const once = () => exchangeOnce(method, path, body, headers)
    return retry(once, AGAIN, (error) => isAppError(error) && error.retryAfterSeconds !== undefined, stop, pause)
  }

  async function exchangeOnce(method: Method, path: string, body: unknown, headers: object) {
    const signal = withTimeout(stop, answerMs)
    const whole = async () => {
      // A BMC is asked before the first byte of an answer comes: silence is no sign until the time is over.
      const answer = await sendRequest({ ...request(method, path, body, headers), idleMs: answerMs }, signal)
      return { ...answer, content: await readBody(answer, MAX_ANSWER) }
    }
    const answer = await whole().catch(unreachable)
    if (answer.status >= 300) throw problemOf(answer, answer.content, base)
    return answer
  }

  async function send(method: Method, path: string, body?: unknown, headers = {}): Promise<Buffer> {
    return (await exchange(method, path, body, headers)).content
  }

  /** The controller says something every 15 s; a connection that is silent for longer is dead. */
  async function events(path: string, lastId: string | undefined) {
    const headers = { accept: 'text/event-stream', ...(lastId !== undefined && { 'last-event-id': lastId }) }
    const answer = await sendRequest(request('GET', path, undefined, headers), stop).catch(unreachable)
    if (answer.status === 200 && answer.headers['content-type']?.startsWith('text/event-stream')) {
      return translated(readEvents(answer.body))
    }
    const content = await readBody(answer, MAX_ANSWER).catch(unreachable)
    if (answer.status < 300 || answer.status === 429 || answer.status === 406) return undefined
    throw problemOf(answer, content, base)
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
    get: async <T>(path: string, headers = {}) => json<T>(await send('GET', path, undefined, headers)),
    text: async (path) => (await send('GET', path)).toString('utf8'),
    post: async <T>(path: string, body?: unknown, headers = {}) => json<T>(await send('POST', path, body, headers)),
    order: async (path, body) => void (await send('POST', path, body)),
    delete: async (path) => void (await send('DELETE', path)),
    async patch<T>(path: string, body: unknown) {
      const { etag } = (await exchange('GET', path)).headers
      return json<T>(await send('PATCH', path, body, etag === undefined ? {} : { 'if-match': etag }))
    },
    events,
  }
}

/** RFC 9457: `detail` is for people, `code` and `details` are ours. */
function problemOf(answer: Pick<HttpAnswer, 'status' | 'headers'>, content: Buffer, base: string): AppError {
  const { status } = answer
  const again = retryAfterSeconds(answer)
  const when = again === undefined ? {} : { retryAfterSeconds: again }
  let problem: Record<string, unknown> = {}
  try {
    problem = JSON.parse(content.toString('utf8')) as Record<string, unknown>
  } catch {
    const text = `Cannot use ${base}: it answered ${status} and no problem document`
    return new AppError('controller-unreachable', text, when)
  }
  const code = String(problem['code'])
  const known = Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : unknownCode(status)
  const details = Array.isArray(problem['details']) ? (problem['details'] as Problem[]) : []
  return new AppError(known, String(problem['detail'] ?? problem['title'] ?? `The controller answered ${status}`), {
    problems: details,
    ...when,
  })
}

/** Of a controller that is newer than this program: only what a proxy says of a controller is worth trying again. */
function unknownCode(status: number): ErrorCode {
  if (status >= 502 && status <= 504) return 'controller-unreachable'
  return status >= 500 ? 'internal' : 'request-invalid'
}
