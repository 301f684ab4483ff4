import { createHmac } from 'node:crypto'
import { createPasswordChecker } from '../../shared/passwords/check-password.ts'
import type { PasswordHash } from '../../shared/passwords/password-hash.ts'
import { parsePasswordHash } from '../../shared/passwords/password-hash.ts'
import type { Clock } from '../../shared/time.ts'
import type { LoadedPolicy, PolicySource } from '../policy-file.ts'
import type { Caller, Callers } from './callers.ts'

export interface Users extends Callers {
  close(): Promise<void>
}

/** Compared with for unknown names, so that their answer takes as long: bcrypt of a random password, cost 10. */
const NOBODY = parsePasswordHash('$2b$10$.7ElNcwSohMwkAgSCA2bM.dI3nvgPHc4f1mio/m8xYdjmnfCF5lXC')

/** The people of the htpasswd file. */
export function createUsers(policy: PolicySource, clock: Clock): Users {
  const passwords = createPasswordChecker(clock)
  let seen: LoadedPolicy | undefined
  const callers = new WeakMap<PasswordHash, Caller & { readonly kind: 'user' }>()

  function users(): LoadedPolicy['users'] {
    const current = policy.current()
    if (current !== seen) passwords.forget()
    seen = current
    return current.users
  }

  /** Made once for each reading of the file. */
  function userOf(name: string, stored: PasswordHash): Caller & { readonly kind: 'user' } {
    const found = callers.get(stored)
    if (found?.name === name) return found
    const made = { kind: 'user', name, stamp: stampOf(name, stored) } as const
    callers.set(stored, made)
    return made
  }

  return {
    async verify({ username, password }) {
      const all = users()
      if (username === undefined || all.size === 0) return undefined
      const stored = all.get(username)
      const against = stored ?? NOBODY
      const matches = against !== undefined && (await passwords.matches(username, password, against))
      // Read again while the comparison ran: the new file decides.
      const same = stored !== undefined && users().get(username)?.text === stored.text
      return matches && same ? userOf(username, stored) : undefined
    },
    async recall(stamp) {
      const [kind, name = ''] = stamp.split(':', 2)
      const stored = kind === 'user' ? users().get(name) : undefined
      const caller = stored && userOf(name, stored)
      return caller?.stamp === stamp ? caller : undefined
    },
    close: passwords.close,
  }
}

/** The stamp changes with the password, and tells nothing about it: the hash has a random salt. */
function stampOf(name: string, { text }: PasswordHash): string {
  return `user:${name}:${createHmac('sha256', 'stamp').update(text).digest('base64url').slice(0, 16)}`
}
