import { AppError } from '../shared/errors.ts'
import type { HttpRequest } from '../shared/http-client.ts'
import { readBody, sendRequest } from '../shared/http-client.ts'
import { isLater, reached } from './reached.ts'

export interface Credentials {
  readonly username: string
  readonly password: string
}

/** One challenge of `WWW-Authenticate` (RFC 9110 11.6.1); scheme and parameter names in lower case. */
export interface Challenge {
  readonly scheme: string
  readonly parameters: Readonly<Record<string, string>>
}

const MAX_TOKEN_BYTES = 1024 * 1024

/** Every challenge of the header, in its order; what cannot be read is left out. */
export function parseChallenges(header: string | undefined): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = []
  const words = /([A-Za-z0-9!#$%&'*+.^_`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?/g
  for (const [, name, quoted, bare] of (header ?? '').matchAll(words)) {
    const value = quoted === undefined ? bare : quoted.replaceAll(/\\(.)/g, '$1')
    const current = challenges.at(-1)
    if (value === undefined) challenges.push({ scheme: (name ?? '').toLowerCase(), parameters: {} })
    else if (current !== undefined) current.parameters[(name ?? '').toLowerCase()] = value
  }
  return challenges
}

/**
 * The `Authorization` header that answers a 401, or undefined when nothing can answer it. Bearer is a token fetched from
 * the realm the registry names, anonymously without credentials ("Token Authentication Specification" of distribution). `own` is asked for when the
 * challenge names no scope, `more` always.
 * @throws `registry-answer` when the realm gives no token
 */
export async function answerChallenge(
  challenges: readonly Challenge[],
  credentials: Credentials | undefined,
  scopes: { readonly own: string; readonly more: readonly string[] },
  template: Pick<HttpRequest, 'trust' | 'idleMs' | 'connections'>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer')
  const realm = bearer?.parameters['realm']
  if (bearer !== undefined && realm !== undefined && URL.canParse(realm)) {
    const url = new URL(realm)
    const service = bearer.parameters['service']
    if (service !== undefined) url.searchParams.set('service', service)
    for (const scope of [bearer.parameters['scope'] ?? scopes.own, ...scopes.more])
      url.searchParams.append('scope', scope)
    return `Bearer ${await fetchToken(url, credentials, template, signal)}`
  }
  const basic = challenges.some(({ scheme }) => scheme === 'basic')
  return basic && credentials !== undefined ? basicHeader(credentials) : undefined
}

/** RFC 7617: UTF-8, base64. */
function basicHeader({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

async function fetchToken(
  url: URL,
  credentials: Credentials | undefined,
  template: Pick<HttpRequest, 'trust' | 'idleMs' | 'connections'>,
  signal: AbortSignal,
): Promise<string> {
  const headers = credentials === undefined ? {} : { authorization: basicHeader(credentials) }
  const ask = async () => {
    const answer = await sendRequest({ ...template, url, headers }, signal)
    return { status: answer.status, text: (await readBody(answer, MAX_TOKEN_BYTES)).toString('utf8') }
  }
  const { status, text } = await reached(`the token endpoint ${url.origin}`, ask, signal)
  const token = status === 200 ? tokenOf(text) : undefined
  if (token !== undefined) return token
  // No `status` among the facts: a 404 of this server says nothing about what was asked of the registry.
  throw new AppError('registry-answer', `Cannot log in at ${url.origin}: it answered ${status} without a token`, {
    facts: { transient: isLater(status) },
  })
}

function tokenOf(text: string): string | undefined {
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body !== 'object' || body === null) return undefined
    const { token, access_token: other } = body as { token?: unknown; access_token?: unknown }
    return [token, other].find((value) => typeof value === 'string' && value !== '') as string | undefined
  } catch {
    return undefined
  }
}
