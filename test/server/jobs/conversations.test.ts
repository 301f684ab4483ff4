import { expect, test } from 'vitest'
import { createConversations } from '../../../src/server/jobs/conversations.ts'
import { sleep } from '../../../src/shared/time.ts'

const { signal } = new AbortController()

test('with more room those that wait begin at once; with less nothing is ended, and nothing begins until there is room', async () => {
  const conversations = createConversations(1)
  const ends: (() => void)[] = []
  let begun = 0
  const ended = Array.from({ length: 5 }, () =>
    conversations.use('next', signal, () => {
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
  conversations.resize(3)
  await sleep(0)
  expect([begun, conversations.limit]).toEqual([3, 3])
  conversations.resize(1)
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
