import type { Clock } from './time.ts'

/** How much of something one key may have: `burst` at once, then `perSecond`. */
export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

export interface TokenBuckets {
  /** Takes one. 0 when there was one, else the seconds until there is one; then nothing is taken. */
  take(key: string): number
  /** The same without taking. */
  wait(key: string): number
  /** Puts one back. */
  give(key: string): void
}

interface Bucket {
  readonly left: number
  readonly at: number
}

/** More keys than any site has; beyond, the one that was used longest ago is forgotten, which is to its good. */
const MAX_KEYS = 20_000

/** The token bucket of RFC 2697, one for each key: an address, an account. A key that is not in memory has all of its burst. */
export function createTokenBuckets({ burst, perSecond }: Rate, clock: Clock): TokenBuckets {
  const buckets = new Map<string, Bucket>()

  function leftOf(key: string, now: number): number {
    const bucket = buckets.get(key)
    if (bucket === undefined) return burst
    // A clock that was set back gives nothing and takes nothing.
    const seconds = Math.max(0, now - bucket.at) / 1000
    return Math.min(burst, bucket.left + seconds * perSecond)
  }

  function waitFor(left: number): number {
    return left >= 1 ? 0 : Math.ceil((1 - left) / perSecond)
  }

  function store(key: string, left: number, at: number): void {
    buckets.delete(key)
    if (buckets.size >= MAX_KEYS) buckets.delete(buckets.keys().next().value ?? '')
    buckets.set(key, { left, at })
  }

  return {
    wait: (key) => waitFor(leftOf(key, clock.now().getTime())),
    take(key) {
      const now = clock.now().getTime()
      const left = leftOf(key, now)
      const seconds = waitFor(left)
      store(key, seconds === 0 ? left - 1 : left, now)
      return seconds
    },
    give(key) {
      const now = clock.now().getTime()
      store(key, Math.min(burst, leftOf(key, now) + 1), now)
    },
  }
}
