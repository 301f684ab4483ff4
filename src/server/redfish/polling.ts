import { sleep } from '../../shared/time.ts'

export interface Polling {
  readonly everyMs: number
  readonly limitMs: number
}

/**
 * Looks until what is seen satisfies `done`, or the limit is over; gives what was seen last either way, so that the
 * caller can say what the state is.
 */
export async function pollUntil<T>(
  look: () => Promise<T>,
  done: (seen: T) => boolean,
  polling: Polling,
  signal: AbortSignal,
): Promise<T> {
  const start = performance.now()
  for (;;) {
    const seen = await look()
    if (done(seen) || performance.now() - start + polling.everyMs > polling.limitMs) return seen
    await sleep(polling.everyMs, signal)
  }
}
