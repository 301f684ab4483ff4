import { expect, test } from 'vitest'
import { createSlots } from '../../../src/server/jobs/slots.ts'
import { sleep } from '../../../src/shared/time.ts'

const { signal } = new AbortController()

test('with more room those that wait begin at once; with less nothing is ended, and nothing begins until there is room', async () => {
  const slots = createSlots(1)
  const ends: (() => void)[] = []
  let begun = 0
  const ended = Array.from({ length: 5 }, () =>
    slots.use('next', signal, () => {
      begun++
      return new Promise<void>((resolve) => ends.push(resolve))
    }),
  )
  const end = async () => {
    ends.shift()?.()
    await sleep(0)
  }
  await sleep(0)
  expect(begun).toBe(1)
  slots.resize(3)
  await sleep(0)
  expect([begun, slots.limit]).toEqual([3, 3])
  slots.resize(1)
  await end()
  await end()
  expect(begun).toBe(3)
  await end()
  expect(begun).toBe(4)
  await end()
  await end()
  await Promise.all(ended)
  expect(begun).toBe(5)
})
