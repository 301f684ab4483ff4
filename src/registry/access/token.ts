import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../shared/time.ts'
import type { ResourceActions } from './scope.ts'

/** What a token of ours says (RFC 7519, and `access` as in distribution's "Token Authentication Specification"). */
export interface TokenClaims {
  /** The name of the caller; empty for anonymous. */
  readonly sub: string
  /** How the caller is found again (`Caller.stamp`); empty for anonymous. */
  readonly stamp: string
  /** A `refresh` token buys access tokens and opens nothing by itself. */
  readonly use: 'access' | 'refresh'
  readonly access: readonly ResourceActions[]
  /** Seconds since 1970. */
  readonly iat: number
  readonly exp: number
}

/** The only header we write and the only one we accept: a token cannot choose its algorithm. */
const HEADER = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url')

/** Tokens that were checked lately: a client shows the same one at each request. */
const MAX_REMEMBERED = 2000

export interface Tokens {
  sign(claims: Omit<TokenClaims, 'iat' | 'exp'>, lifetimeSeconds: number): { token: string; issuedAt: Date }
  /** Undefined for whatever we did not sign, and for what has expired. */
  read(token: string, use: TokenClaims['use']): TokenClaims | undefined
}

/** Tokens signed with HMAC-SHA256 (RFC 7515 A.1): a few microseconds to check, and nobody else needs to check them. */
export function createTokens(keyBytes: Uint8Array, clock: Clock): Tokens {
  const key = createSecretKey(keyBytes)
  const signature = (body: string) => createHmac('sha256', key).update(body).digest()
  const checked = new Map<string, TokenClaims>()

  function check(token: string): TokenClaims | undefined {
    const [header, payload, signed, ...rest] = token.split('.')
    if (header !== HEADER || payload === undefined || signed === undefined || rest.length > 0) return undefined
    const expected = signature(`${header}.${payload}`)
    const given = Buffer.from(signed, 'base64url')
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
    // Signed by us: its form is ours.
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as TokenClaims
    if (checked.size >= MAX_REMEMBERED) checked.delete(checked.keys().next().value ?? '')
    checked.set(token, claims)
    return claims
  }

  return {
    sign(claims, lifetimeSeconds) {
      const issuedAt = clock.now()
      const iat = Math.floor(issuedAt.getTime() / 1000)
      const payload = { iss: 'provisioner', ...claims, iat, exp: iat + lifetimeSeconds }
      const body = `${HEADER}.${Buffer.from(JSON.stringify(payload)).toString('base64url')}`
      return { token: `${body}.${signature(body).toString('base64url')}`, issuedAt }
    },
    read(token, use) {
      const claims = checked.get(token) ?? check(token)
      return claims?.use === use && claims.exp * 1000 > clock.now().getTime() ? claims : undefined
    },
  }
}

/** True for what could be a token of ours, as opposed to an API token of the controller. */
export function isToken(text: string): boolean {
  return text.startsWith(`${HEADER}.`)
}
