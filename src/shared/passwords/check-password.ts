import { createHmac, createSecretKey, randomBytes } from 'node:crypto'
import { AppError } from '../errors.ts'
import type { Clock } from '../time.ts'
import { createBcrypt } from './bcrypt.ts'
import type { PasswordHash } from './password-hash.ts'
import { matchesPassword } from './password-hash.ts'

export interface PasswordChecker {
  /**
   * Whether the password of `name` is the one that was stored.
   * @throws `rate-limited` while too many are compared already
   */
  matches(name: string, password: string, stored: PasswordHash): Promise<boolean>
  /** Forgets what was checked: the stored passwords may be others now. */
  forget(): void
  close(): Promise<void>
}

/** How long a checked password is remembered. */
const GOOD_MS = 300_000
/** A script with a wrong password costs one comparison in this time. */
const BAD_MS = 10_000
const MAX_REMEMBERED = 10_000
/** Comparisons under way or waiting; beyond, logins are told to come back, so that guessing cannot fill the memory. */
const MAX_COMPARING = 64
/** At a time: each takes a thread, which blobs are read with too, and as much memory as its cost says. */
const MAX_RUNNING = 4
/** A longer one is no password; hashing it would only cost. */
const MAX_PASSWORD_LENGTH = 1024

/**
 * A password is compared once and then known by its HMAC under a key of this process: a few microseconds instead of the
 * 50 ms and more of bcrypt or scrypt, at each request.
 */
export function createPasswordChecker(clock: Clock): PasswordChecker {
  // As a KeyObject: given bytes, createHmac makes one at each call, which costs more than the hash.
  const key = createSecretKey(randomBytes(32))
  const bcrypt = createBcrypt()
  const known = new Map<string, { readonly matches: boolean; readonly until: number }>()
  const comparing = new Map<string, Promise<boolean>>()
  const waiting: (() => void)[] = []
  let running = 0
  let closed = false

  async function compare(proof: string, password: string, stored: PasswordHash): Promise<boolean> {
    if (running >= MAX_RUNNING) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      if (closed) throw new Error('passwords are not checked any more')
      const matches = await matchesPassword(stored, password, bcrypt.compare)
      if (known.size >= MAX_REMEMBERED) known.delete(known.keys().next().value ?? '')
      known.set(proof, { matches, until: clock.now().getTime() + (matches ? GOOD_MS : BAD_MS) })
      return matches
    } finally {
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }

  /** A client opens with six requests at once: one comparison answers them all. */
  function compareOnce(proof: string, password: string, stored: PasswordHash): Promise<boolean> {
    const under = comparing.get(proof)
    if (under !== undefined) return under
    if (comparing.size >= MAX_COMPARING) {
      throw new AppError('rate-limited', 'Cannot check the password: too many logins at once', { retryAfterSeconds: 3 })
    }
    const started = compare(proof, password, stored).finally(() => comparing.delete(proof))
    comparing.set(proof, started)
    return started
  }

  return {
    async matches(name, password, stored) {
      if (password.length > MAX_PASSWORD_LENGTH) return false
      const proof = createHmac('sha256', key).update(`${name}\0${stored.text}\0${password}`).digest('base64')
      const found = known.get(proof)
      if (found !== undefined && found.until > clock.now().getTime()) return found.matches
      return compareOnce(proof, password, stored)
    },
    forget: () => known.clear(),
    async close() {
      closed = true
      await bcrypt.close()
    },
  }
}
