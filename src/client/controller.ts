import { readFile } from 'node:fs/promises'
import type { Invocation, OptionSpec } from '../commands/command.ts'
import type { ErrorCode, Problem } from '../shared/errors.ts'
import { AppError, ERRORS, isAppError } from '../shared/errors.ts'
import { readBody, sendRequest } from '../shared/http-client.ts'
import { withTimeout } from '../shared/time.ts'

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

  async function send(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown, headers = {}): Promise<Buffer> {
    const signal = withTimeout(invocation.signal, answerMs)
    const request = {
      url: new URL(`${base}/api/v1${path}`),
      method,
      caPem,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }
    const whole = async () => {
      const answer = await sendRequest(request, signal)
      return { status: answer.status, content: await readBody(answer, MAX_ANSWER) }
    }
    const { status, content } = await whole().catch((cause: unknown) => {
      if (invocation.signal.aborted || isAppError(cause)) throw cause
      throw new AppError('controller-unreachable', `Cannot reach the controller at ${base}`, { cause })
    })
    if (status >= 300) throw problemOf(status, content, base)
    return content
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
