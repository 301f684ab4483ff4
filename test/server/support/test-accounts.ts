import type { DatabaseSync } from 'node:sqlite'
import type { Accounts } from '../../../src/server/accounts/accounts.ts'
import { openAccounts } from '../../../src/server/accounts/accounts.ts'
import type { TokenStore } from '../../../src/server/store/tokens.ts'
import { sqliteTokenStore } from '../../../src/server/store/tokens.ts'
import type { UserStore } from '../../../src/server/store/users.ts'
import { sqliteUserStore } from '../../../src/server/store/users.ts'
import { createLoginThrottle } from '../../../src/shared/passwords/login-throttle.ts'
import type { Role } from '../../../src/shared/role.ts'
import type { Clock } from '../../../src/shared/time.ts'
import { systemClock } from '../../../src/shared/time.ts'

export interface TestAccounts {
  readonly accounts: Accounts
  readonly users: UserStore
  readonly tokens: TokenStore
  /** A token of a service. */
  token(name: string, role: Role): string
}

export function testAccounts(db: DatabaseSync, clock: Clock = systemClock): TestAccounts {
  const [users, tokens] = [sqliteUserStore(db), sqliteTokenStore(db)]
  return {
    users,
    tokens,
    accounts: openAccounts({ users, tokens, throttle: createLoginThrottle(clock), clock }),
    token: (name, role) => tokens.create({ name, role, owner: null, createdAt: clock.now(), expiresAt: null }).token,
  }
}
