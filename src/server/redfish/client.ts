import { AppError, isAppError } from '../../shared/errors.ts'
import type { BmcAddress } from '../jobs/bmc-ports.ts'
import { refusal } from '../jobs/bmc-refusal.ts'
import { etagOf, isOk, must, type RedfishAnswer } from './answer.ts'
import { createExchange, type Request } from './exchange.ts'
import { pathOfLink, pathOfLocation } from './links.ts'
import { type Credentials, credentialHeaders, logIn, loginRefused, type SendBare } from './sessions.ts'
import { settle } from './tasks.ts'
import type { Timing } from './timing.ts'

/** A resource as it was read. */
export interface Resource {
  readonly path: string
  readonly body: unknown
  readonly etag: string | undefined
  /** Methods of the `Allow` header, if there is one. */
  readonly allow: readonly string[]
}

/** One BMC, logged in when first needed. Links are what the BMC gave, never built. */
export interface RedfishClient {
  /** Reads a resource. @throws `redfish-answer` for anything but success */
  get(link: string, signal: AbortSignal): Promise<Resource>
  /** As `get`, and `undefined` when there is none (404). */
  find(link: string, signal: AbortSignal): Promise<Resource | undefined>
  /** Runs an action to its end, tasks included. `undefined` as body sends none. A refusal is a value. */
  post(link: string, body: unknown, signal: AbortSignal): Promise<RedfishAnswer>
  /** Changes a resource as it was read, tasks included. A refusal is a value. */
  patch(resource: Pick<Resource, 'path' | 'etag'>, body: unknown, signal: AbortSignal): Promise<RedfishAnswer>
  /** The same of a settings object: a task that is scheduled for the next reset has ended. */
  patchSettings(resource: Pick<Resource, 'path' | 'etag'>, body: unknown, signal: AbortSignal): Promise<RedfishAnswer>
  /** Whether the BMC answers anybody, logged in or not. */
  answers(signal: AbortSignal): Promise<boolean>
  /** The session is gone with the BMC that gave it; the next call logs in anew. */
  forget(): void
  /** Deletes the session: BMCs have four to eight in all. Never throws. */
  close(signal: AbortSignal): Promise<void>
}

/** The one path a client may know (DSP0266 "Redfish-defined URIs and relative reference rules"). */
export const SERVICE_ROOT = '/redfish/v1/'

/** Opens nothing by itself: the first call logs in. */
export function createClient(address: BmcAddress, timing: Timing): RedfishClient {
  const origin = originOf(address.url)
  const exchange = createExchange(address, origin, timing)
  let credentials: Credentials | undefined

  async function send(request: Request, signal: AbortSignal): Promise<RedfishAnswer> {
    const used = credentials ?? (await newCredentials(undefined, signal))
    credentials ??= used
    const answer = await exchange.patiently(authorized(request, used), signal)
    if (answer.status !== 401) return answer
    if (used.kind === 'basic') throw loginRefused(answer)
    // Sessions end by time or by a restart of the BMC: once more with a new one.
    if (credentials === used) credentials = await newCredentials(used, signal)
    const again = await exchange.patiently(authorized(request, credentials), signal)
    if (again.status === 401) throw loginRefused(again)
    return again
  }

  function authorized(request: Request, used: Credentials): Request {
    return { ...request, headers: { ...request.headers, ...credentialHeaders(used, address) } }
  }

  async function newCredentials(before: Credentials | undefined, signal: AbortSignal): Promise<Credentials> {
    const bare: SendBare = (method, link, body, headers) =>
      exchange.patiently({ method, path: pathOfLink(link, origin), body, headers }, signal)
    const root = must('read the service root of the BMC', await bare('GET', SERVICE_ROOT, undefined, {}))
    const found = await logIn(bare, root.body, address)
    // Basic after a session worked would hide that sessions run out.
    if (before?.kind === 'session' && found.kind === 'basic') {
      const message = 'Cannot log in to the BMC again: it gives no session any more'
      throw refusal('redfish-answer', message, { reason: 'login' })
    }
    return found
  }

  const reader = {
    get: (path: string, signal: AbortSignal) => send({ method: 'GET', path }, signal),
    pathOfLocation: (location: string) => pathOfLocation(location, origin),
  }

  async function patch(
    { path, etag }: Pick<Resource, 'path' | 'etag'>,
    body: unknown,
    atReset: boolean,
    signal: AbortSignal,
  ): Promise<RedfishAnswer> {
    const target = pathOfLink(path, origin)
    const tags = [...etagLadder(etag)]
    for (const [index, tag] of tags.entries()) {
      const headers: Record<string, string> = tag === undefined ? {} : { 'If-Match': tag }
      const answer = await send({ method: 'PATCH', path: target, body, headers }, signal)
      if (answer.status !== 412 || tag === undefined) return settle(reader, answer, timing, signal, atReset)
      // The resource may have changed since it was read, as in an iLO whose server goes through POST.
      const now = index === 0 ? etagOf(await reader.get(target, signal)) : undefined
      if (now !== undefined && now !== etag) tags.splice(1, tags.length - 1, ...etagLadder(now))
    }
    throw new Error('the ladder ends without an ETag')
  }

  return {
    async get(link, signal) {
      return resourceOf(must(`read ${link} of the BMC`, await reader.get(pathOfLink(link, origin), signal)))
    },
    async find(link, signal) {
      const answer = await reader.get(pathOfLink(link, origin), signal)
      return answer.status === 404 ? undefined : resourceOf(must(`read ${link} of the BMC`, answer))
    },
    async post(link, body, signal) {
      const request = { method: 'POST', path: pathOfLink(link, origin), body, timeoutMs: timing.actionMs }
      return settle(reader, await send(request, signal), timing, signal)
    },
    patch: (resource, body, signal) => patch(resource, body, false, signal),
    patchSettings: (resource, body, signal) => patch(resource, body, true, signal),
    async answers(signal) {
      try {
        return isOk(await exchange.once({ method: 'GET', path: SERVICE_ROOT }, signal))
      } catch (error) {
        if (isAppError(error) && !signal.aborted) return false
        throw error
      }
    },
    forget() {
      credentials = undefined
    },
    async close(signal) {
      const used = credentials
      credentials = undefined
      if (used?.location === undefined) return
      try {
        const path = pathOfLocation(used.location, origin)
        // A busy BMC would keep the session for half an hour, and every try of a cleanup takes another one.
        await exchange.patiently(authorized({ method: 'DELETE', path }, used), signal)
      } catch {
        // The session ends by its own time, and there is nobody to tell.
      }
    },
  }
}

/**
 * What to send as If-Match, one after the other while the BMC answers 412: the tag verbatim, a weak one as a strong one
 * (RFC 9110 13.1.1 compares strongly, and some BMCs give weak tags all the same), none. A BMC without tags gets none.
 */
export function etagLadder(etag: string | undefined): readonly (string | undefined)[] {
  if (etag === undefined) return [undefined]
  const strong = /^W\/(".*")$/.exec(etag)?.[1]
  return strong === undefined ? [etag, undefined] : [etag, strong, undefined]
}

function resourceOf(answer: RedfishAnswer): Resource {
  const allow = (answer.headers.allow ?? '').split(',').map((method) => method.trim().toUpperCase())
  return { path: answer.path, body: answer.body, etag: etagOf(answer), allow: allow.filter((method) => method !== '') }
}

function originOf(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed !== undefined && /^https?:$/.test(parsed.protocol)) return new URL(parsed.origin)
  throw new AppError('request-invalid', 'Cannot use the address of the BMC: it is no http or https URL')
}
