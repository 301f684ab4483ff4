import { AppError } from '../../shared/errors.ts'
import type { LoginAttempt } from '../../shared/passwords/login-throttle.ts'
import { hashPassword } from '../../shared/passwords/password-hash.ts'
import type { Clock } from '../../shared/time.ts'
import { addressOf } from '../http/address.ts'
import type { Endpoints } from '../http/endpoint.ts'
import { EMPTY, json, jsonBody } from '../http/endpoint.ts'
import type { Handlers } from '../http/mount.ts'
import { listOf, record } from '../http/schema.ts'
import type { Account } from '../store/tokens.ts'
import type { User, UserStore } from '../store/users.ts'
import { ACCOUNT, NEW_PASSWORD, NEW_USER, USER, USER_CHANGE } from './account-schemas.ts'

export interface UserRouteDeps {
  readonly accounts: {
    /** @throws `rate-limited` */
    byCountedPassword(attempt: LoginAttempt): Promise<Account | undefined>
  }
  readonly users: UserStore
  readonly clock: Clock
}

const MAX_BODY = 8192

export const USER_ENDPOINTS = {
  whoAmI: {
    method: 'GET',
    path: '/api/v1/whoami',
    may: 'reader',
    summary: 'Whom the credentials belong to',
    answers: { 200: json('The account', ACCOUNT) },
  },
  changeOwnPassword: {
    method: 'POST',
    path: '/api/v1/whoami/password',
    may: 'reader',
    summary: 'Change the password of the user that asks',
    description: 'The present one is asked for again: a token alone must not be enough.',
    body: jsonBody(NEW_PASSWORD, MAX_BODY),
    answers: { 204: EMPTY },
    errors: ['forbidden'],
  },
  createUser: {
    method: 'POST',
    path: '/api/v1/users',
    may: 'admin',
    summary: 'Add a user who logs in with a password',
    body: jsonBody(NEW_USER, MAX_BODY),
    answers: { 201: json('The user', USER) },
    errors: ['user-exists'],
  },
  listUsers: {
    method: 'GET',
    path: '/api/v1/users',
    may: 'admin',
    summary: 'List the users',
    answers: { 200: json('The users', record('UserList', { users: listOf(USER) })) },
  },
  getUser: {
    method: 'GET',
    path: '/api/v1/users/{name}',
    may: 'admin',
    summary: 'Show one user',
    answers: { 200: json('The user', USER) },
    errors: ['user-not-found'],
  },
  changeUser: {
    method: 'PATCH',
    path: '/api/v1/users/{name}',
    may: 'admin',
    summary: 'Change role or password of a user, or disable them',
    description: 'A new password leaves tokens as they are; a disabled user has none that work.',
    body: jsonBody(USER_CHANGE, MAX_BODY),
    answers: { 200: json('The user', USER) },
    errors: ['user-not-found', 'last-admin'],
  },
  deleteUser: {
    method: 'DELETE',
    path: '/api/v1/users/{name}',
    may: 'admin',
    summary: 'Remove a user with all their tokens',
    answers: { 204: EMPTY },
    errors: ['user-not-found', 'last-admin'],
  },
} as const satisfies Endpoints

export function userHandlers({ users, accounts, clock }: UserRouteDeps): Handlers<typeof USER_ENDPOINTS> {
  function find(name: string): User {
    const user = users.find(name)
    if (user === undefined) throw new AppError('user-not-found', `Cannot find user "${name}"`)
    return user
  }

  return {
    whoAmI: ({ account, reply }) => reply(200, { kind: account.kind, name: account.name, role: account.role }),

    async changeOwnPassword({ c, account, body, reply }) {
      if (account.kind === 'service') throw new AppError('forbidden', 'Cannot change a password: a service has none')
      const attempt = { username: account.name, password: body.password, address: addressOf(c) }
      if ((await accounts.byCountedPassword(attempt)) === undefined)
        throw new AppError('forbidden', 'Cannot change the password: the present one is another')
      users.change(account.name, { password: await hashPassword(body.new_password) })
      return reply(204, null)
    },

    async createUser({ c, body, reply }) {
      if (users.find(body.name) !== undefined)
        throw new AppError('user-exists', `Cannot add user "${body.name}": there is one of that name`)
      const user = { name: body.name, role: body.role, disabled: false, createdAt: clock.now() }
      users.add(user, await hashPassword(body.password))
      c.header('location', `/api/v1/users/${user.name}`)
      return reply(201, userView(user))
    },

    listUsers: ({ reply }) => reply(200, { users: users.list().map(userView) }),

    getUser: ({ params, reply }) => reply(200, userView(find(params.name))),

    async changeUser({ params, body, reply }) {
      find(params.name)
      const { role, disabled, password } = body
      users.change(params.name, {
        ...(role !== undefined && { role }),
        ...(disabled !== undefined && { disabled }),
        ...(password !== undefined && { password: await hashPassword(password) }),
      })
      return reply(200, userView(find(params.name)))
    },

    deleteUser({ params, reply }) {
      users.remove(params.name)
      return reply(204, null)
    },
  }
}

function userView({ name, role, disabled, createdAt }: User) {
  return { name, role, disabled, created_at: createdAt.toISOString() }
}
