import { createHmac, createSecretKey, randomBytes } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { AppError } from '../errors.ts'
import type { Clock } from '../time.ts'
import { createTokenBuckets } from '../token-bucket.ts'

/** Somebody who says a name and a password, and from where. */
export interface LoginAttempt {
  readonly username: string
  readonly password: string
  /** Undefined where there is no socket: such attempts are counted by account only. */
  readonly address: string | undefined
}

/** Makes guessing slow without locking anybody out who knows the password. */
export interface LoginThrottle {
  /**
   * What `verify` finds; undefined is a wrong password. One that was right lately is not held up, and one that was wrong
   * already is not counted again.
   * @throws `rate-limited` when this address or this account has had its share of wrong passwords
   */
  attempt<T>(login: LoginAttempt, verify: () => Promise<T | undefined>): Promise<T | undefined>
}

/** Ten mistakes at once, then one every fifteen seconds: 5,760 guesses a day. */
const WRONG = { burst: 10, perSecond: 1 / 15 }
/** What was right or wrong is known that long: a script with an old password is one guess, however often it asks. */
const REMEMBER_MS = 600_000
/** From where an account was used that lately, its owner is let in whatever others do to it. */
const TRUST_MS = 24 * 3_600_000
const MAX_REMEMBERED = 10_000

/**
 * Counts wrong passwords by address and by account. What was right lately passes at once, so a client that polls never
 * notices; an address that used the account lately is not stopped by guesses from elsewhere.
 */
export function createLoginThrottle(clock: Clock): LoginThrottle {
  const key = createSecretKey(randomBytes(32))
  const byAddress = createTokenBuckets(WRONG, clock)
  const byAccount = createTokenBuckets(WRONG, clock)
  const right = createMemory(REMEMBER_MS, clock)
  const wrong = createMemory(REMEMBER_MS, clock)
  const trusted = createMemory(TRUST_MS, clock)

  function proofOf({ username, password, address }: LoginAttempt): string {
    return createHmac('sha256', key).update(`${username}\0${password}\0${address}`).digest('base64')
  }

  /** Counted before it is known whether it is one: many guesses at once are many. Returns what takes it back. */
  function reserve(login: LoginAttempt): () => void {
    const network = login.address === undefined ? undefined : networkOf(login.address)
    const account = trusted.has(pair(login)) ? undefined : login.username
    const addressWait = network === undefined ? 0 : byAddress.wait(network)
    const seconds = Math.max(addressWait, account === undefined ? 0 : byAccount.wait(account))
    if (seconds > 0) {
      throw new AppError(
        'rate-limited',
        'Cannot check the password: too many wrong ones from here or for this account',
        {
          retryAfterSeconds: seconds,
        },
      )
    }
    if (network !== undefined) byAddress.take(network)
    if (account !== undefined) byAccount.take(account)
    return () => {
      if (network !== undefined) byAddress.give(network)
      if (account !== undefined) byAccount.give(account)
    }
  }

  return {
    async attempt(login, verify) {
      const proof = proofOf(login)
      const isKnown = right.has(proof) || wrong.has(proof)
      const takeBack = isKnown ? () => {} : reserve(login)
      const found = await verify().catch((error: unknown) => {
        takeBack()
        throw error
      })
      if (found === undefined) {
        right.remove(proof)
        wrong.add(proof)
      } else {
        takeBack()
        wrong.remove(proof)
        right.add(proof)
        trusted.add(pair(login))
      }
      return found
    },
  }
}

function pair({ username, address }: LoginAttempt): string {
  return `${username}\0${address}`
}

/** One network has 2^64 addresses of version 6 to guess from (RFC 4291 section 2.5.4); it is counted as one. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!isIPv6(address)) return address
  const [head = '', tail] = address.replace(/%.*$/, '').split('::', 2)
  const groups = head.split(':')
  const missing = tail === undefined ? 0 : 8 - groups.length - tail.split(':').length
  const all = [...groups, ...Array.from({ length: missing }, () => '0'), ...(tail?.split(':') ?? [])]
  return all
    .slice(0, 4)
    .map((group) => Number.parseInt(group || '0', 16).toString(16))
    .join(':')
}

interface Memory {
  has(text: string): boolean
  add(text: string): void
  remove(text: string): void
}

function createMemory(lifeMs: number, clock: Clock): Memory {
  const until = new Map<string, number>()
  return {
    has: (text) => (until.get(text) ?? 0) > clock.now().getTime(),
    add(text) {
      until.delete(text)
      if (until.size >= MAX_REMEMBERED) until.delete(until.keys().next().value ?? '')
      until.set(text, clock.now().getTime() + lifeMs)
    },
    remove: (text) => void until.delete(text),
  }
}
