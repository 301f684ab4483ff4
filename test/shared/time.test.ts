import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { inTime, retry, retryWithin, sleep } from '../../src/shared/time.ts'

test('an action ends with its caller or with its time, and leaves nothing with the caller', async () => {
  const caller = new AbortController()
  const forEver = (limit: AbortSignal) => sleep(60_000, limit)
  const { signal } = caller
  expect(await inTime(signal, 60_000, async () => 'done')).toBe('done')
  await expect(inTime(signal, 5, forEver)).rejects.toMatchObject({ name: 'TimeoutError' })
  expect(getEventListeners(signal, 'abort')).toEqual([])
  const going = inTime(signal, 60_000, forEver)
  const reason = new Error('stopped')
  caller.abort(reason)
  await expect(going).rejects.toBe(reason)
  await expect(inTime(signal, 5, async () => 'never')).rejects.toBe(reason)
})

test('what is tried again fails with what the last try met when its time is over, and with the reason when it is stopped', async () => {
  const patience = { firstMs: 1, maxMs: 1, attempts: Number.POSITIVE_INFINITY }
  const after = (reason: unknown) => {
    const limit = new AbortController()
    const pause = async (_ms: number, signal?: AbortSignal) => {
      if (tries === 3) limit.abort(reason)
      signal?.throwIfAborted()
    }
    let tries = 0
    const attempt = async () => {
      tries += 1
      throw new Error(`try ${tries}`)
    }
    return retryWithin(attempt, patience, () => true, limit.signal, pause)
  }
  await expect(after(new DOMException('over', 'TimeoutError'))).rejects.toThrow('try 3')
  await expect(after(new Error('stopped'))).rejects.toThrow('stopped')
})

test('a first try that its time ends fails with that', async () => {
  const waits = { firstMs: 1, maxMs: 1, attempts: 3 }
  const limit = AbortSignal.timeout(5)
  await expect(
    retryWithin(
      () => sleep(60_000, limit),
      waits,
      () => true,
      limit,
    ),
  ).rejects.toMatchObject({
    name: 'TimeoutError',
  })
})

test('tries that are limited by time end with the first failure behind it, however many there were', async () => {
  let tries = 0
  const attempt = async () => {
    tries += 1
    throw new Error(`try ${tries}`)
  }
  const waits = { firstMs: 1, maxMs: 1, attempts: Number.POSITIVE_INFINITY }
  const never = new AbortController().signal
  const tried = (forMs: number) => retry(attempt, { ...waits, forMs }, () => true, never)
  await expect(tried(0)).rejects.toThrow('try 1')
  await expect(tried(20)).rejects.toThrow(/try \d/)
  expect(tries).toBeGreaterThan(2)
})
