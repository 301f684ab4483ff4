import { AppError } from '../shared/errors.ts'
import type { HttpAnswer } from '../shared/http-client.ts'
import { readBody, sendRequest } from '../shared/http-client.ts'
import type { OciReference } from '../shared/oci-reference.ts'
import type { Credentials } from './auth.ts'
import { answerChallenge, parseChallenges } from './auth.ts'

/** How a registry is reached. */
export interface RegistryAccess {
  /** Only for the controller's own registry when the controller itself speaks plain HTTP. */
  readonly plainHttp: boolean
  readonly caPem: string | undefined
  readonly credentials: Credentials | undefined
  /** How long a connection may be silent; default 60 s. */
  readonly idleMs?: number
}

/** One repository of a registry, for pulling. It logs in when asked to and remembers that. */
export interface Repository {
  readonly reference: OciReference
  /** A GET below `/v2/NAME/`. Any status but 200 and 206 is an error. The caller reads or destroys the body. */
  get(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpAnswer>
}

/** Enough of an error answer to show: the OCI error document is small. */
const MAX_ERROR_BYTES = 64 * 1024

export function openRepository(reference: OciReference, access: RegistryAccess): Repository {
  const origin = `${access.plainHttp ? 'http' : 'https'}://${reference.host}`
  const { caPem, idleMs, credentials } = access
  const template = { caPem, ...(idleMs === undefined ? {} : { idleMs }) }
  let authorization: string | undefined

  async function get(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal) {
    const url = new URL(`/v2/${reference.repository}/${path}`, origin)
    const send = () =>
      sendRequest({ ...template, url, headers: authorization ? { ...headers, authorization } : headers }, signal)
    let answer = await reached(reference.host, send, signal)
    if (answer.status === 401) {
      const challenges = parseChallenges(answer.headers['www-authenticate'])
      answer.body.destroy()
      const scope = `repository:${reference.repository}:pull`
      // A token that has expired in the middle of a pull is answered like none at all.
      authorization = await answerChallenge(challenges, credentials, scope, template, signal)
      if (authorization !== undefined) answer = await reached(reference.host, send, signal)
    }
    if (answer.status === 200 || answer.status === 206) return answer
    throw await refusal(reference, path, answer)
  }

  return { reference, get }
}

/** Whether trying again may help: the connection failed, or the registry said "later". */
export function isTransient(error: unknown): boolean {
  return error instanceof AppError && error.code === 'registry-answer' && error.facts['transient'] === true
}

async function reached<T>(host: string, send: () => Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await send()
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof AppError) throw cause
    throw new AppError('registry-answer', `Cannot reach the registry ${host}`, { cause, facts: { transient: true } })
  }
}

async function refusal(reference: OciReference, path: string, answer: HttpAnswer): Promise<AppError> {
  const { host, repository } = reference
  const detail = await readBody(answer, MAX_ERROR_BYTES).then(ociMessage, () => '')
  const { status } = answer
  const transient = status >= 500 || status === 429 || status === 408
  const said = detail === '' ? `the registry answered ${status}` : `the registry answered ${status}, ${detail}`
  return new AppError('registry-answer', `Cannot get ${path} of ${host}/${repository}: ${said}`, {
    facts: { transient, status },
  })
}

/** distribution-spec "Error Codes": code and message of the first error. */
function ociMessage(body: Buffer): string {
  try {
    const [first] = (JSON.parse(body.toString('utf8')) as { errors: { code?: unknown; message?: unknown }[] }).errors
    return [first?.code, first?.message].filter((part) => typeof part === 'string' && part !== '').join(': ')
  } catch {
    return ''
  }
}
