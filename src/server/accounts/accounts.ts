import { createHmac } from 'node:crypto'
import { sha256 } from '../../shared/digest.ts'
import { createPasswordChecker } from '../../shared/passwords/check-password.ts'
import type { LoginAttempt, LoginThrottle } from '../../shared/passwords/login-throttle.ts'
import { parsePasswordHash, unmatchableHash } from '../../shared/passwords/password-hash.ts'
import type { Clock } from '../../shared/time.ts'
import type { Account, TokenStore } from '../store/tokens.ts'
import { looksLikeToken } from '../store/tokens.ts'
import type { User, UserStore } from '../store/users.ts'

/** Everybody the controller knows; API and registry ask the same. */
export interface Accounts {
  byToken(token: string): Account | undefined
  /** Undefined for a wrong password. Without the throttle, which is the caller's. */
  byPassword(username: string, password: string): Promise<Account | undefined>
  /** The same, with wrong ones counted; a token proves no password. @throws `rate-limited` */
  byCountedPassword(attempt: LoginAttempt): Promise<Account | undefined>
  /** Either, with wrong passwords counted. @throws `rate-limited` */
  login(login: Login): Promise<Account | undefined>
  /** What finds the account again as it is then, and nothing once its token or password is another one. No secret. */
  stampOf(name: string): string | undefined
  tokenStamp(token: string): string
  recall(stamp: string): Account | undefined
  close(): Promise<void>
}

export interface Login {
  /** Undefined for `Authorization: Bearer`. */
  readonly username: string | undefined
  readonly password: string
  readonly address: string | undefined
}

export interface AccountDeps {
  readonly users: UserStore
  readonly tokens: TokenStore
  readonly throttle: LoginThrottle
  readonly clock: Clock
}

/** Whom the tables `users` and `tokens` know. */
export function openAccounts({ users, tokens, throttle, clock }: AccountDeps): Accounts {
  const passwords = createPasswordChecker(clock)
  // Compared with for unknown names, so that their answer takes as long.
  const nobody = unmatchableHash()

  function byToken(token: string): Account | undefined {
    return tokens.find(token, clock.now())
  }

  async function byPassword(username: string, password: string): Promise<Account | undefined> {
    // Without any user there is no name to be found out.
    if (users.isEmpty()) return undefined
    const stored = users.passwordOf(username)
    const against = stored === undefined ? nobody : parsePasswordHash(stored)
    if (against === undefined || !(await passwords.matches(username, password, against))) return undefined
    // Removed, disabled or given another password while the comparison ran: what is stored now decides.
    const user = users.find(username)
    if (user === undefined || user.disabled || users.passwordOf(username) !== stored) return undefined
    return accountOf(user)
  }

  function byCountedPassword(attempt: LoginAttempt): Promise<Account | undefined> {
    return throttle.attempt(attempt, () => byPassword(attempt.username, attempt.password))
  }

  function stampOf(name: string): string | undefined {
    const stored = users.passwordOf(name)
    if (stored === undefined || users.find(name)?.disabled !== false) return undefined
    return `password:${name}:${createHmac('sha256', 'stamp').update(stored).digest('base64url').slice(0, 16)}`
  }

  return {
    byToken,
    byPassword,
    byCountedPassword,
    async login({ username, password, address }) {
      const account = byToken(password)
      if (account !== undefined || username === undefined || looksLikeToken(password)) return account
      return byCountedPassword({ username, password, address })
    },
    stampOf,
    // The SHA-256 of 160 random bits: who reads it has the token already, or learns nothing from it.
    tokenStamp: (token) => `account:${sha256(token)}`,
    recall(stamp) {
      const [kind, ...rest] = stamp.split(':')
      if (kind === 'account') return tokens.findByHash(rest.join(':'), clock.now())
      const user = kind === 'password' && stampOf(rest[0] ?? '') === stamp ? users.find(rest[0] ?? '') : undefined
      return user && accountOf(user)
    },
    close: passwords.close,
  }
}

/** By their password. */
function accountOf({ name, role }: User): Account {
  return { kind: 'user', name, role, expiresAt: null }
}
