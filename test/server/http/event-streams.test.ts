import { expect, test } from 'vitest'
import type { EventStream, StreamLimits } from '../../../src/server/http/event-streams.ts'
import { eventStreams, frame } from '../../../src/server/http/event-streams.ts'
import { createJobFeed } from '../../../src/server/jobs/feed.ts'
import { sleep } from '../../../src/shared/time.ts'

const LIMITS: StreamLimits = { all: 3, perOwner: 2, waitingBytes: 1000, keepAliveMs: 5, lifeMs: 60_000 }

async function nothing(): Promise<void> {}

test('one caller, and all together, have so many streams and no more; one that ends makes room', async () => {
  const streams = eventStreams(LIMITS)
  const first = streams.open('anna', nothing)
  streams.open('anna', nothing)
  expect(() => streams.open('anna', nothing)).toThrow(expect.objectContaining({ code: 'rate-limited' }))
  streams.open('ben', nothing)
  expect(() => streams.open('carl', nothing)).toThrow(expect.objectContaining({ code: 'rate-limited' }))
  await first.cancel()
  streams.open('carl', nothing)
  expect(streams.count).toBe(3)
  streams.close()
  expect(streams.count).toBe(0)
  expect(() => streams.open('anna', nothing)).toThrow(expect.objectContaining({ code: 'not-ready' }))
})

test('a client that does not read is cut off, and what was for it is given up', async () => {
  const streams = eventStreams(LIMITS)
  let undone = 0
  let stream: EventStream | undefined
  const body = streams.open('anna', async (opened) => {
    stream = opened
    opened.onEnd(() => undone++)
  })
  for (let sent = 0; sent < 100; sent++) stream?.send(frame('entry', { text: 'x'.repeat(100) }))
  expect([streams.count, undone]).toEqual([0, 1])
  await expect(body.getReader().read()).rejects.toThrow('does not keep up')
})

test('what is replayed waits for the client, who is not cut off for it, and ends with the stream', async () => {
  const streams = eventStreams({ ...LIMITS, keepAliveMs: 1 })
  let replayed = 0
  let stream: EventStream | undefined
  const text = 'x'.repeat(100)
  async function begin(opened: EventStream): Promise<void> {
    stream = opened
    for (; replayed < 100; replayed++) await opened.replay(frame('entry', { text }))
    opened.send(frame('job', { text }))
    opened.end()
  }
  const body = streams.open('anna', begin)
  await sleep(20)
  expect(replayed).toBeLessThan(10)
  expect((await new Response(body).text()).match(/event: (entry|job)/g)).toHaveLength(101)
  expect(streams.count).toBe(0)

  replayed = 0
  const left = streams.open('anna', begin)
  await left.cancel()
  await expect(stream?.replay(Buffer.from('x'))).rejects.toThrow('the stream has ended')
  expect(replayed).toBeLessThan(10)
})

test('a quiet stream is kept alive by comments, and ends after its life', async () => {
  const streams = eventStreams({ ...LIMITS, lifeMs: 500 })
  const text = await new Response(streams.open('anna', nothing)).text()
  expect(text).toMatch(/^(: still here\n\n)+$/)
  expect(streams.count).toBe(0)
})

test('a stream whose beginning fails ends, and gives its place back', async () => {
  const streams = eventStreams(LIMITS)
  const body = streams.open('anna', () => Promise.reject(new Error('the store is gone')))
  await expect(body.getReader().read()).rejects.toThrow('the store is gone')
  expect(streams.count).toBe(0)
})

test('a feed remembers the newest entries, and knows when it does not', () => {
  const feed = createJobFeed(10)
  const at = new Date(0)
  for (let seq = 1; seq <= 100; seq++) feed.entry('01K', { seq, at, type: 'note', message: `${seq}` })
  expect(feed.since(100)).toEqual([])
  expect(feed.since(97)).toMatchObject([{ entry: { seq: 98 } }, { entry: { seq: 99 } }, { entry: { seq: 100 } }])
  expect(feed.since(91)).toHaveLength(9)
  expect(feed.since(50)).toBeUndefined()
  expect(feed.since(101)).toBeUndefined()
})
