import { AppError } from '../shared/errors.ts'
import type { Connections, HttpAnswer, StreamedBody } from '../shared/http-client.ts'
import { readBody, sendRequest } from '../shared/http-client.ts'
import type { OciReference } from '../shared/oci-reference.ts'
import type { Credentials } from './auth.ts'
import { answerChallenge, parseChallenges } from './auth.ts'
import { isLater, reached } from './reached.ts'

/** How a registry is reached. */
export interface RegistryAccess {
  /** Only for the controller's own registry when the controller itself speaks plain HTTP. */
  readonly plainHttp: boolean
  readonly caPem: string | undefined
  readonly credentials: Credentials | undefined
  /** How long a connection may be silent; default 60 s. */
  readonly idleMs?: number
  /** For many requests; see `openConnections`. Without it each request has a connection of its own. */
  readonly connections?: Connections
}

/** One repository of a registry. It logs in when asked to and remembers that. */
export interface Repository {
  readonly reference: OciReference
  /** A GET below `/v2/NAME/`. Any status but 200 and 206 is an error. The caller reads or destroys the body. */
  get(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpAnswer>
  /** Any request. @throws `registry-answer` with `facts.status` when the answer is none of `expected` */
  send(request: RepositoryRequest, signal: AbortSignal): Promise<HttpAnswer>
}

export interface RepositoryRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** A path below `/v2/NAME/`, one of the host if it begins with a slash, or a whole URL such as an upload's. */
  readonly target: string | URL
  readonly headers?: Readonly<Record<string, string>>
  /** Called again when the request has to be repeated with a login. */
  readonly body?: () => Uint8Array | StreamedBody
  readonly expected: readonly number[]
  /** Another repository of the registry that this reads: a challenge names only the scope of the one that is written. */
  readonly mountFrom?: string
  /** For an answer that takes its time; default as the access says. */
  readonly idleMs?: number
}

/** Enough of an error answer to show: the OCI error document is small. */
const MAX_ERROR_BYTES = 64 * 1024

export function openRepository(reference: OciReference, access: RegistryAccess): Repository {
  const { origin } = new URL(`${access.plainHttp ? 'http' : 'https'}://${reference.host}`)
  const { caPem, idleMs, credentials, connections } = access
  const template = {
    trust: { beside: caPem },
    ...(idleMs === undefined ? {} : { idleMs }),
    ...(connections && { connections }),
  }
  let authorization: string | undefined

  async function send(request: RepositoryRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { method, expected } = request
    const url = targetUrl(request.target, origin, reference.repository)
    const trusted = url.origin === origin
    const sendNow = () => {
      const headers = { ...request.headers, ...(trusted && authorization !== undefined && { authorization }) }
      const silence = request.idleMs === undefined ? {} : { idleMs: request.idleMs }
      return sendRequest({ ...template, ...silence, url, method, headers, body: request.body?.() }, signal)
    }
    let answer = await reached(`the registry ${reference.host}`, sendNow, signal)
    // The host of a blob that was redirected to may not name a realm: the login would go there.
    if (answer.status === 401 && trusted && answer.url.origin === origin) {
      const challenges = parseChallenges(answer.headers['www-authenticate'])
      answer.body.destroy()
      // A token that has expired in the middle of a transfer is answered like none at all.
      const more = request.mountFrom === undefined ? [] : [`repository:${request.mountFrom}:pull`]
      const scopes = { own: scopeOf(reference, method), more }
      authorization = await answerChallenge(challenges, credentials, scopes, template, signal)
      if (authorization !== undefined) answer = await reached(`the registry ${reference.host}`, sendNow, signal)
    }
    if (expected.includes(answer.status)) return answer
    throw await refusal(reference, method, request.target, answer)
  }

  return {
    reference,
    get: (target, headers, signal) => send({ method: 'GET', target, headers, expected: [200, 206] }, signal),
    send,
  }
}

/** Whether trying again may help: the connection failed, or the registry said "later". */
export function isTransient(error: unknown): boolean {
  return error instanceof AppError && error.code === 'registry-answer' && error.facts['transient'] === true
}

/** The status of the answer that was refused; undefined for anything else. */
export function refusedStatus(error: unknown): number | undefined {
  const status = error instanceof AppError && error.code === 'registry-answer' ? error.facts['status'] : undefined
  return typeof status === 'number' ? status : undefined
}

function targetUrl(target: string | URL, origin: string, repository: string): URL {
  if (target instanceof URL) return target
  return new URL(target.startsWith('/') ? target : `/v2/${repository}/${target}`, origin)
}

/** "Token Scope Documentation" of distribution. */
function scopeOf({ repository }: OciReference, method: RepositoryRequest['method']): string {
  if (repository === '') return 'registry:catalog:*'
  return `repository:${repository}:${method === 'GET' || method === 'HEAD' ? 'pull' : 'pull,push'}`
}

async function refusal(
  { host, repository }: OciReference,
  method: RepositoryRequest['method'],
  target: string | URL,
  answer: HttpAnswer,
): Promise<AppError> {
  const detail = await readBody(answer, MAX_ERROR_BYTES).then(ociMessage, () => '')
  const { status } = answer
  const said = detail === '' ? `the registry answered ${status}` : `the registry answered ${status}, ${detail}`
  // An upload's URL may carry the registry's own signature: only its path is shown.
  const path = target instanceof URL ? target.pathname.replace(`/v2/${repository}/`, '') : target
  const verb = method === 'GET' || method === 'HEAD' ? 'get' : method.toLowerCase()
  return new AppError('registry-answer', `Cannot ${verb} ${path} of ${host}/${repository}: ${said}`, {
    facts: { transient: isLater(status), status },
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
