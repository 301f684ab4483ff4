import { setTimeout as delay } from 'node:timers/promises'

/** Where the time comes from. Pure code is given one; only this file asks the system. */
export interface Clock {
  now(): Date
}

export const systemClock: Clock = { now: () => new Date() }

/** Waits `ms` milliseconds, or throws the signal's reason as soon as it aborts. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  await delay(ms, undefined, signal === undefined ? {} : { signal }).catch((error: unknown) => {
    signal?.throwIfAborted()
    throw error
  })
}

/** Runs `action` every `ms` milliseconds until it is disposed of; keeps no process alive. */
export function every(ms: number, action: () => void): Disposable {
  const timer = setInterval(action, ms).unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** `action`, but not again before `ms` milliseconds have passed. */
export function atMostEvery<T>(ms: number, now: () => number, action: (value: T) => void): (value: T) => void {
  let last = Number.NEGATIVE_INFINITY
  return (value) => {
    if (now() - last < ms) return
    last = now()
    action(value)
  }
}

/** Its failure is for the one who waits for it, later or never; until then it is no unhandled one. */
export function seenLater<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}

/** Both: the caller's signal, and a limit of `ms` milliseconds from now. */
export function withTimeout(signal: AbortSignal, ms: number): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(ms)])
}

/**
 * The same around one action, for what happens thousands of times: `AbortSignal.any` and `AbortSignal.timeout` keep about
 * 2 kB each until their time is over, long after the action has ended.
 */
export async function inTime<T>(
  signal: AbortSignal,
  ms: number,
  action: (limit: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const limit = new AbortController()
  const onAbort = () => limit.abort(signal.reason)
  const timer = setTimeout(() => limit.abort(new DOMException(`It took longer than ${ms} ms`, 'TimeoutError')), ms)
  signal.addEventListener('abort', onAbort)
  try {
    return await action(limit.signal)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

/** How a thing is tried again: attempt n waits min(maxMs, firstMs * 2^n), half of it random. */
export interface Backoff {
  readonly firstMs: number
  readonly maxMs: number
  /** Tries in all; `Infinity` leaves the end to the signal. */
  readonly attempts: number
  /** No try begins so long after the first one, however many there were. */
  readonly forMs?: number
  /** Is told of each failure that is followed by another try. */
  readonly onBreak?: (reason: unknown) => void
}

/**
 * Tries `action` until it succeeds, `retryable` says no, or the attempts are used up; then throws the last error.
 * The jitter keeps forty servers that lost their controller from coming back in the same second. An error that says when
 * it is worth trying again (`retryAfterSeconds`) is believed, up to `maxMs`.
 */
export async function retry<T>(
  action: (attempt: number) => Promise<T>,
  backoff: Backoff,
  retryable: (error: unknown) => boolean,
  signal: AbortSignal,
  pause: typeof sleep = sleep,
): Promise<T> {
  const began = performance.now()
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted()
    try {
      return await action(attempt)
    } catch (error) {
      const { attempts, forMs = Number.POSITIVE_INFINITY } = backoff
      const isOver = attempt + 1 >= attempts || performance.now() - began >= forMs
      if (isOver || signal.aborted || !retryable(error)) throw error
      backoff.onBreak?.(error)
      await pause(pauseMs(backoff, attempt, error), signal)
    }
  }
}

/** How long to wait after an attempt, counted from 0. */
export function pauseMs({ firstMs, maxMs }: Pick<Backoff, 'firstMs' | 'maxMs'>, attempt: number, error: unknown) {
  const full = Math.min(maxMs, firstMs * 2 ** attempt)
  return Math.max(full / 2, askedMs(error, maxMs)) + Math.random() * (full / 2)
}

/**
 * `retry` under a limit. Its end says nothing of why there was no success: when the time is over, what the last try failed
 * with is thrown.
 */
export async function retryWithin<T>(
  action: (attempt: number) => Promise<T>,
  backoff: Backoff,
  retryable: (error: unknown) => boolean,
  limit: AbortSignal,
  pause: typeof sleep = sleep,
): Promise<T> {
  let last: unknown
  const attempt = (number: number) =>
    action(number).catch((error: unknown) => {
      if (!limit.aborted) last = error
      throw error
    })
  return retry(attempt, backoff, retryable, limit, pause).catch((error: unknown) => {
    throw isTimeOver(limit) ? (last ?? error) : error
  })
}

/** Not when somebody stopped it. */
export function isTimeOver({ reason }: AbortSignal): boolean {
  return reason instanceof DOMException && reason.name === 'TimeoutError'
}

function askedMs(error: unknown, maxMs: number): number {
  const retryAfterSeconds = (error as { readonly retryAfterSeconds?: unknown } | undefined)?.retryAfterSeconds
  return typeof retryAfterSeconds === 'number' ? Math.min(maxMs, retryAfterSeconds * 1000) : 0
}
