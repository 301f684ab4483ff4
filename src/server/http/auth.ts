import type { MiddlewareHandler } from 'hono'
import { AppError } from '../../shared/errors.ts'
import type { Role } from '../../shared/role.ts'
import type { TokenStore } from '../store/tokens.ts'

/** Which roles may use which methods below /api/v1. */
const MAY_WRITE: readonly Role[] = ['admin', 'operator']

/** The token in an Authorization header: Bearer, or Basic with the token as password (RFC 6750, RFC 7617). */
export function tokenOf(header: string | undefined): string | undefined {
  const [scheme, value] = header?.split(' ', 2) ?? []
  if (value === undefined) return undefined
  if (/^bearer$/i.test(scheme ?? '')) return value
  return /^basic$/i.test(scheme ?? '') ? passwordOf(value)?.password : undefined
}

/** User and password of a Basic header's value; podman sends `Og==` (both empty) when it has no login. */
export function passwordOf(base64: string): { readonly username: string; readonly password: string } | undefined {
  const [username, ...rest] = Buffer.from(base64, 'base64').toString('utf8').split(':')
  if (username === undefined || rest.length === 0) return undefined
  return { username, password: rest.join(':') }
}

/**
 * Lets only holders of an API token through; readers only look.
 * @throws `unauthenticated`, `forbidden`
 */
export function requireToken(tokens: TokenStore): MiddlewareHandler {
  return async function requireToken(c, next) {
    const token = tokenOf(c.req.header('authorization'))
    const account = token === undefined ? undefined : tokens.find(token)
    if (account === undefined) {
      throw new AppError('unauthenticated', 'Cannot answer: a valid API token is needed (Authorization: Bearer …)')
    }
    if (c.req.method !== 'GET' && c.req.method !== 'HEAD' && !MAY_WRITE.includes(account.role)) {
      throw new AppError('forbidden', `Cannot do that: the token "${account.name}" may only read`)
    }
    await next()
  }
}
