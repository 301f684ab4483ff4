/**
 * Runs `work` on every item, at most `limit` at a time, and gives the results in order. The first failure stops the
 * others by their signal and is thrown when all of them have ended.
 */
export async function mapParallel<T, R>(
  items: readonly T[],
  limit: number,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  const results: R[] = []
  const queue = items.entries()
  async function worker(): Promise<void> {
    for (const [index, item] of queue) {
      either.throwIfAborted()
      results[index] = await work(item, either)
    }
  }
  const workers = Array.from({ length: Math.min(limit, items.length) }, () =>
    worker().catch((error: unknown) => {
      stop.abort(error)
      throw error
    }),
  )
  await Promise.allSettled(workers)
  // The reason of the first abort is the failure itself; the others failed because of it.
  if (stop.signal.aborted) throw stop.signal.reason
  return results
}
