import { AppError } from '../../shared/errors.ts'
import { includesRole } from '../../shared/role.ts'
import type { Clock } from '../../shared/time.ts'
import type { Endpoints } from '../http/endpoint.ts'
import { EMPTY, json, jsonBody } from '../http/endpoint.ts'
import type { Handlers } from '../http/mount.ts'
import { listOf, record } from '../http/schema.ts'
import type { Account, TokenRecord, TokenStore } from '../store/tokens.ts'
import type { UserStore } from '../store/users.ts'
import { CREATED_TOKEN, NEW_TOKEN, TOKEN } from './account-schemas.ts'

export interface TokenRouteDeps {
  readonly tokens: TokenStore
  readonly users: Pick<UserStore, 'find'>
  readonly clock: Clock
}

const MAX_BODY = 8192

export const TOKEN_ENDPOINTS = {
  createToken: {
    method: 'POST',
    path: '/api/v1/tokens',
    may: 'reader',
    summary: 'Make a token, which is shown only now',
    description:
      'Users make tokens for themselves; an admin makes them for every user, and with "owner": null for services. ' +
      'A token may not do more than its maker and its owner. One that is made with a token that ends, ends with it or earlier, unless an admin makes it.',
    body: jsonBody(NEW_TOKEN, MAX_BODY),
    answers: { 201: json('The token', CREATED_TOKEN) },
    errors: ['forbidden', 'user-not-found'],
  },
  listTokens: {
    method: 'GET',
    path: '/api/v1/tokens',
    may: 'reader',
    summary: 'List tokens: an admin sees all, others see their own',
    answers: { 200: json('The tokens', record('TokenList', { tokens: listOf(TOKEN) })) },
  },
  revokeToken: {
    method: 'DELETE',
    path: '/api/v1/tokens/{id}',
    may: 'reader',
    summary: 'End a token: an admin any, others their own',
    answers: { 204: EMPTY },
    errors: ['token-not-found', 'last-admin'],
  },
} as const satisfies Endpoints

export function tokenHandlers({ tokens, users, clock }: TokenRouteDeps): Handlers<typeof TOKEN_ENDPOINTS> {
  return {
    createToken({ c, account, body, reply }) {
      const owner = body.owner === undefined ? ownOwner(account) : body.owner
      if (account.role !== 'admin' && (owner === null || owner !== ownOwner(account)))
        throw new AppError('forbidden', 'Cannot make the token: only an admin makes them for others and for services')
      const limit = owner === null ? account.role : roleOf(owner)
      const role = body.role ?? (includesRole(account.role, limit) ? limit : account.role)
      if (!includesRole(account.role, role) || !includesRole(limit, role))
        throw new AppError('forbidden', `Cannot make the token: "${role}" is more than its maker or its owner may`)
      const expiresAt = endOf(body.expires_at, account)
      if (expiresAt !== null && !(expiresAt.getTime() > clock.now().getTime()))
        throw new AppError('request-invalid', 'Cannot make the token: it would have expired already')
      const { id, token } = tokens.create({ name: body.name, role, owner, createdAt: clock.now(), expiresAt })
      const made = tokens.get(id)
      if (made === undefined) throw new AppError('token-not-found', `Cannot find token "${id}"`)
      c.header('location', `/api/v1/tokens/${id}`)
      return reply(201, { ...tokenView(made), token })
    },

    listTokens: ({ account, reply }) =>
      reply(200, {
        tokens: tokens
          .list()
          .filter((token) => maySee(account, token))
          .map(tokenView),
      }),

    revokeToken({ account, params, reply }) {
      const token = tokens.get(params.id)
      // Of others' tokens nothing is said, not even that there are some.
      if (token === undefined || !maySee(account, token))
        throw new AppError('token-not-found', `Cannot find token "${params.id}"`)
      tokens.revoke(token.id)
      return reply(204, null)
    },
  }

  function roleOf(owner: string) {
    const user = users.find(owner)
    if (user === undefined) throw new AppError('user-not-found', `Cannot find user "${owner}"`)
    return user.role
  }
}

/** Whose the token is when nothing is said. */
function ownOwner({ kind, name }: Account): string | null {
  return kind === 'user' ? name : null
}

/**
 * What was given for a time does not make itself last for ever. An admin is not held to that: they may make users, and so
 * could come back anyway; and the token of a login ends, with which tokens of services are made.
 * @throws `forbidden`
 */
function endOf(wanted: string | null | undefined, { role, expiresAt: latest }: Account): Date | null {
  const end = wanted == null ? null : new Date(wanted)
  if (latest === null || role === 'admin') return end
  if (wanted === undefined) return latest
  if (end !== null && end.getTime() <= latest.getTime()) return end
  throw new AppError('forbidden', `Cannot make the token: the one that makes it ends at ${latest.toISOString()}`)
}

function maySee(account: Account, { owner }: TokenRecord): boolean {
  return account.role === 'admin' || (account.kind === 'user' && owner === account.name)
}

function tokenView({ id, name, role, owner, createdAt, expiresAt, lastUsedAt }: TokenRecord) {
  return {
    id,
    name,
    role,
    owner,
    created_at: createdAt.toISOString(),
    expires_at: expiresAt?.toISOString() ?? null,
    last_used_at: lastUsedAt?.toISOString() ?? null,
  }
}
