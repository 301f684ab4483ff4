import { OciError } from '../errors.ts'
import type { AccessDeps } from './access.ts'
import type { Caller } from './callers.ts'
import { ANONYMOUS, basicLogin } from './callers.ts'
import { ACTIONS, hasAnonymous, rightsOf } from './rules.ts'
import type { ResourceActions } from './scope.ts'
import { parseScopes } from './scope.ts'

/** One request to the token endpoint. */
export interface TokenRequest {
  readonly authorization: string | undefined
  /** The query of GET, the form of POST. */
  readonly fields: URLSearchParams
  readonly isForm: boolean
  readonly address?: string | undefined
}

export interface TokenAnswer {
  readonly token: string
  readonly access_token: string
  readonly expires_in: number
  readonly issued_at: string
  readonly scope?: string
  readonly refresh_token?: string
}

/** A login without the password, as `docker login` keeps it. It dies with the account and with a new password. */
const REFRESH_SECONDS = 30 * 86_400

/** A form is a user, a password and some scopes. */
export const MAX_TOKEN_FORM_BYTES = 64 << 10

/**
 * The built-in token server: GET with Basic ("Token Authentication Specification" of distribution) and POST with a password
 * or a refresh token ("OAuth2 Token Authentication"). A token holds what was asked for and the policy allows; it is not an
 * error when that is nothing.
 */
export function createTokenEndpoint({ policy, callers, tokens }: AccessDeps) {
  return async function issue(request: TokenRequest): Promise<TokenAnswer> {
    const caller = request.isForm ? await fromForm(request) : await fromBasic(request)
    const { rules, token_lifetime: lifetime } = policy.current()
    if (caller.kind === 'anonymous' && !hasAnonymous(rules)) throw unauthorized()
    const access = parseScopes(request.fields.getAll('scope')).flatMap((scope) => grant(scope, caller))
    const [sub, stamp] = caller.kind === 'anonymous' ? ['', ''] : [caller.name, caller.stamp]
    const { token, issuedAt } = tokens.sign({ sub, stamp, use: 'access', access }, lifetime)
    const wantsRefresh =
      request.fields.get('offline_token') === 'true' || request.fields.get('access_type') === 'offline'
    const refresh =
      wantsRefresh && (caller.kind === 'user' || caller.kind === 'account')
        ? tokens.sign({ sub, stamp, use: 'refresh', access: [] }, REFRESH_SECONDS).token
        : undefined
    return {
      token,
      access_token: token,
      expires_in: lifetime,
      issued_at: issuedAt.toISOString(),
      ...(request.isForm && { scope: access.map(scopeText).join(' ') }),
      ...(refresh !== undefined && { refresh_token: refresh }),
    }
  }

  function grant(scope: ResourceActions, caller: Caller): ResourceActions[] {
    const { type, name, actions } = scope
    // What the catalog shows is decided name by name.
    if (type === 'registry') return [scope]
    const rights = rightsOf(policy.current().rules, caller, name)
    const granted = ACTIONS.filter(
      (action) => rights.has(action) && (actions.includes('*') || actions.includes(action)),
    )
    return granted.length === 0 ? [] : [{ type, name, actions: granted }]
  }

  async function fromBasic({ authorization, address }: TokenRequest): Promise<Caller> {
    if (authorization === undefined) return ANONYMOUS
    const login = basicLogin(authorization)
    return known(login && (await callers.verify({ ...login, address })))
  }

  async function fromForm({ fields: form, address }: TokenRequest): Promise<Caller> {
    switch (form.get('grant_type')) {
      case 'password': {
        const [username, password] = [form.get('username') ?? '', form.get('password') ?? '']
        return username === '' && password === ''
          ? ANONYMOUS
          : known(await callers.verify({ username, password, address }))
      }
      case 'refresh_token': {
        const claims = tokens.read(form.get('refresh_token') ?? '', 'refresh')
        return known(claims && (await callers.recall(claims.stamp)))
      }
      default:
        throw new OciError('UNSUPPORTED', { grant_type: form.get('grant_type')?.slice(0, 50) })
    }
  }
}

function known(caller: Caller | undefined): Caller {
  if (caller === undefined) throw unauthorized()
  return caller
}

/** Always Basic here: a Bearer challenge would send the client in a circle. */
function unauthorized(): OciError {
  return new OciError('UNAUTHORIZED', undefined, { headers: { 'www-authenticate': 'Basic realm="provisioner"' } })
}

function scopeText({ type, name, actions }: ResourceActions): string {
  return `${type}:${name}:${actions.join(',')}`
}
