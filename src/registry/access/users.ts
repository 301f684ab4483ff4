import { createHmac, createSecretKey, randomBytes } from 'node:crypto'
import type { Clock } from '../../shared/time.ts'
import { OciError } from '../errors.ts'
import type { LoadedPolicy, PolicySource } from '../policy-file.ts'
import { createBcrypt } from './bcrypt.ts'
import type { Caller, Callers, Login } from './callers.ts'
import type { PasswordHash } from './password-hash.ts'
import { matchesPassword, parsePasswordHash } from './password-hash.ts'

export interface Users extends Callers {
  close(): Promise<void>
}

/** How long a checked password is remembered; it is forgotten at once when the files are read again. */
const GOOD_MS = 300_000
/** A script with a wrong password costs one comparison in this time. */
const BAD_MS = 10_000
const MAX_REMEMBERED = 10_000
/** Comparisons under way or waiting; beyond, logins are told to come back, so that guessing cannot fill the memory. */
const MAX_COMPARING = 64

/** Compared with for unknown names, so that their answer takes as long: bcrypt of a random password, cost 10. */
const NOBODY = parsePasswordHash('$2b$10$.7ElNcwSohMwkAgSCA2bM.dI3nvgPHc4f1mio/m8xYdjmnfCF5lXC')

/**
 * The people of the htpasswd file. A password is compared once and then known by its HMAC under a key of this process: a
 * few microseconds instead of the 50 ms of bcrypt, at each request.
 */
export function createUsers(policy: PolicySource, clock: Clock): Users {
  // As a KeyObject: given bytes, createHmac makes one at each call, which costs more than the hash.
  const key = createSecretKey(randomBytes(32))
  const bcrypt = createBcrypt()
  let seen: LoadedPolicy | undefined
  const known = new Map<string, { readonly matches: boolean; readonly until: number }>()
  const callers = new WeakMap<PasswordHash, Caller & { readonly kind: 'user' }>()
  const comparing = new Map<string, Promise<boolean>>()

  function users(): LoadedPolicy['users'] {
    const current = policy.current()
    if (current !== seen) known.clear()
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

  async function verify({ username, password }: Login): Promise<Caller | undefined> {
    const all = users()
    if (username === undefined || all.size === 0) return undefined
    const stored = all.get(username)
    const matches = await remembered(username, password, stored ?? NOBODY)
    // Read again while the comparison ran: the new file decides.
    const same = stored !== undefined && users().get(username)?.text === stored.text
    return matches && same ? userOf(username, stored) : undefined
  }

  async function remembered(username: string, password: string, stored: PasswordHash | undefined): Promise<boolean> {
    if (stored === undefined) return false
    const proof = createHmac('sha256', key).update(`${username}\0${stored.text}\0${password}`).digest('base64')
    const found = known.get(proof)
    if (found !== undefined && found.until > clock.now().getTime()) return found.matches
    const matches = await compareOnce(proof, password, stored)
    if (known.size >= MAX_REMEMBERED) known.delete(known.keys().next().value ?? '')
    known.set(proof, { matches, until: clock.now().getTime() + (matches ? GOOD_MS : BAD_MS) })
    return matches
  }

  /** A client opens with six requests at once: one comparison answers them all. */
  function compareOnce(proof: string, password: string, stored: PasswordHash): Promise<boolean> {
    const under = comparing.get(proof)
    if (under !== undefined) return under
    if (comparing.size >= MAX_COMPARING) {
      throw new OciError('TOOMANYREQUESTS', { reason: 'too many logins at once' }, { headers: { 'retry-after': '3' } })
    }
    const started = matchesPassword(stored, password, bcrypt.compare).finally(() => comparing.delete(proof))
    comparing.set(proof, started)
    return started
  }

  return {
    verify,
    async recall(stamp) {
      const [kind, name = ''] = stamp.split(':', 2)
      const stored = kind === 'user' ? users().get(name) : undefined
      const caller = stored && userOf(name, stored)
      return caller?.stamp === stamp ? caller : undefined
    },
    close: bcrypt.close,
  }
}

/** The stamp changes with the password, and tells nothing about it: the hash has a random salt. */
function stampOf(name: string, { text }: PasswordHash): string {
  return `user:${name}:${createHmac('sha256', 'stamp').update(text).digest('base64url').slice(0, 16)}`
}
