import type { Clock } from '../../shared/time.ts'
import { OciError } from '../errors.ts'
import type { LoadedPolicy, PolicySource } from '../policy-file.ts'
import type { Caller, Callers } from './callers.ts'
import { ANONYMOUS, basicLogin, callerName } from './callers.ts'
import { challenge } from './challenge.ts'
import type { Action } from './rules.ts'
import { hasAnonymous, rightsOf } from './rules.ts'
import type { ResourceActions } from './scope.ts'
import { inScope } from './scope.ts'
import type { Tokens } from './token.ts'
import { isToken } from './token.ts'

/** One request, as far as access is concerned. */
export interface AccessRequest {
  readonly authorization: string | undefined
  /** Undefined for /v2/ itself and for the catalog. */
  readonly repository: string | undefined
  readonly access: Action | 'catalog'
  /** Where it came from; undefined where there is no socket. */
  readonly address?: string | undefined
  /** `https://HOST:PORT` under which the client came; challenges point there. */
  readonly origin: string
}

/** A request that was let in. */
export interface Admission {
  /** Who it is, for log and audit. */
  readonly caller: string
  /** Whether the same request may do that with another repository (a mount). */
  may(repository: string, action: Action): boolean
  /** Whether the catalog may show the repository: a token's scopes do not matter, the caller's rights do. */
  maySee(repository: string): boolean
}

/** Throws UNAUTHORIZED or DENIED when the caller may not. Nothing returned: nothing is known about the caller. */
export type Authorize = (request: AccessRequest) => Promise<Admission | undefined>

export interface AccessDeps {
  readonly policy: PolicySource
  readonly callers: Callers
  readonly tokens: Tokens
  readonly clock: Clock
}

/** Who came, and what their token is limited to; a password is limited to nothing. */
interface Visitor {
  readonly caller: Caller
  readonly scopes: readonly ResourceActions[] | undefined
}

/** Decides every request from the policy as it is at that moment. */
export function createAuthorize({ policy, callers, tokens }: Omit<AccessDeps, 'clock'>): Authorize {
  async function identify(request: AccessRequest): Promise<Visitor> {
    const { authorization } = request
    if (authorization === undefined) return { caller: ANONYMOUS, scopes: undefined }
    const bearer = /^bearer +(.+)$/i.exec(authorization)?.[1]
    if (bearer !== undefined && isToken(bearer)) return fromToken(bearer, request)
    const login = bearer === undefined ? basicLogin(authorization) : { username: undefined, password: bearer }
    const caller = login === undefined ? undefined : await callers.verify({ ...login, address: request.address })
    if (caller === undefined) throw unauthorized(policy.current(), request)
    return { caller, scopes: undefined }
  }

  async function fromToken(token: string, request: AccessRequest): Promise<Visitor> {
    const claims = tokens.read(token, 'access')
    // The caller may be gone since, or the job at its end: the token does not outlive them.
    const caller = claims?.stamp === '' ? ANONYMOUS : claims && (await callers.recall(claims.stamp))
    if (claims === undefined || caller === undefined) throw unauthorized(policy.current(), request, 'invalid_token')
    return { caller, scopes: claims.access }
  }

  return async function authorize(request) {
    const visitor = await identify(request)
    const current = policy.current()
    const { caller, scopes } = visitor
    const rights = (repository: string) => rightsOf(current.rules, caller, repository)
    const within = (repository: string, action: Action) =>
      scopes === undefined || inScope(scopes, { type: 'repository', name: repository }, action)
    admit(request, visitor, current, within)
    return {
      caller: callerName(caller),
      may: (repository, action) => rights(repository).has(action) && within(repository, action),
      maySee: (repository) => rights(repository).has('pull'),
    }
  }
}

function admit(
  request: AccessRequest,
  { caller, scopes }: Visitor,
  policy: LoadedPolicy,
  within: (repository: string, action: Action) => boolean,
): void {
  const { repository, access } = request
  if (repository === undefined || access === 'catalog') {
    // /v2/ asks everybody who they are: clients learn the scheme nowhere else, and `login` checks a password here.
    const isOpen = hasAnonymous(policy.rules) && (scopes !== undefined || access === 'catalog')
    if (caller.kind === 'anonymous' && !isOpen) throw unauthorized(policy, request)
    if (caller.kind === 'job' && access === 'catalog') throw denied(caller, request)
    return
  }
  const hasRight = rightsOf(policy.rules, caller, repository).has(access)
  if (hasRight && within(repository, access)) return
  // A known caller without the right will not get it by another token; everybody else may log in, or ask for more.
  if (!hasRight && caller.kind !== 'anonymous') throw denied(caller, request)
  throw unauthorized(policy, request, scopes === undefined ? undefined : 'insufficient_scope')
}

function unauthorized(
  policy: LoadedPolicy,
  request: AccessRequest,
  error?: 'invalid_token' | 'insufficient_scope',
): OciError {
  const detail = request.repository === undefined ? undefined : { name: request.repository, action: request.access }
  return new OciError('UNAUTHORIZED', detail, { headers: { 'www-authenticate': challenge(policy, request, error) } })
}

function denied(caller: Caller, { repository, access }: AccessRequest): OciError {
  return new OciError('DENIED', { name: repository, action: access, caller: callerName(caller) })
}
