import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { inTime, sleep } from '../../src/shared/time.ts'

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
