import { beforeEach, expect, test } from 'vitest'
import type { ServerSentEvent } from '../../../src/client/server-sent-events.ts'
import { readEvents } from '../../../src/client/server-sent-events.ts'
import { addJob, addServer } from '../support/api-call.ts'
import type { Api } from '../support/api-in-process.ts'
import { openApi } from '../support/api-in-process.ts'

let api: Api

beforeEach(async () => {
  api = await openApi()
  return api.close
})

/** A stream, event by event. */
async function follow(path: string, headers: Record<string, string> = {}) {
  const answer = await api.call('GET', path, undefined, { accept: 'text/event-stream', ...headers })
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
  const events = readEvents(answer.body as unknown as AsyncIterable<Uint8Array>)
  const next = async () => (await events.next()).value as ServerSentEvent | undefined
  return {
    next,
    async take(count: number): Promise<ServerSentEvent[]> {
      const taken: ServerSentEvent[] = []
      for (let at = 0; at < count; at++) taken.push((await next()) as ServerSentEvent)
      return taken
    },
    rest: () => Array.fromAsync(events),
    leave: () => events.return(undefined),
  }
}

const facts = ({ event, data }: ServerSentEvent) => {
  const { message, status, phase, progress } = JSON.parse(data)
  return event === 'entry' ? message : [status, phase, progress?.bytes].filter((fact) => fact != null).join(' ')
}

const PROGRESS = { step: 'image-linux', bytes: 7, totalBytes: 9, rate: null, message: null, at: new Date(0) }

async function playJob(id: string): Promise<void> {
  await api.record.apply(id, { type: 'claimed' })
  await api.record.progress(id, 'running:image-linux', PROGRESS)
  await api.record.progress(id, 'running:image-linux', { ...PROGRESS, bytes: 9 })
  await api.record.apply(id, { type: 'reported-success' })
  await api.record.apply(id, { type: 'cleaned-up' })
}

test('a job is followed from its first event to its end, progress included, and the stream ends with it', async () => {
  await addServer(api.call)
  const { job_id: id } = await addJob(api.call)
  const stream = await follow(`/api/v1/jobs/${id}/events`)
  expect((await stream.take(2)).map(facts)).toEqual(['queued', 'queued'])
  await playJob(id)
  expect((await stream.rest()).map(facts)).toEqual([
    'provisioning',
    'provisioning preparing',
    'running:image-linux',
    'provisioning running:image-linux 7',
    'provisioning running:image-linux 9',
    'succeeded',
    'succeeded cleaning-up 9',
    'complete',
    'complete cleaning-up 9',
  ])
  expect(api.streams.count).toBe(0)
})

test('who comes back with the last id gets what was missed, once; after the end 204 says to stay away', async () => {
  await addServer(api.call)
  const { job_id: id } = await addJob(api.call)
  const stream = await follow(`/api/v1/jobs/${id}/events`)
  const [first] = await stream.take(1)
  await stream.leave()
  await playJob(id)
  const rest = await (await follow(`/api/v1/jobs/${id}/events`, { 'last-event-id': first?.id ?? '' })).rest()
  const entries = rest.filter(({ event }) => event === 'entry')
  expect(entries.map(({ id: seq }) => seq)).toEqual(['2', '3', '4', '5'])
  const headers = { accept: 'text/event-stream', 'last-event-id': '5' }
  expect((await api.call('GET', `/api/v1/jobs/${id}/events`, undefined, headers)).status).toBe(204)
})

test('who missed more than a stream may hold gets all of it, of one job and of all', async () => {
  await addServer(api.call)
  const { job_id: id } = await addJob(api.call)
  const path = `/api/v1/jobs/${id}/events`
  const stream = await follow('/api/v1/events')
  await api.record.apply(id, { type: 'claimed' })
  const [first] = await stream.take(1)
  await stream.leave()
  const messages = Array.from({ length: 450 }, (_, index) => `${index} ${'x'.repeat(1000)}`)
  for (const message of messages)
    await api.record.progress(id, 'running:image-linux', { ...PROGRESS, message, event: message })
  const resumed = await follow('/api/v1/events', { 'last-event-id': first?.id ?? '' })
  expect((await resumed.take(451)).slice(1).map(facts)).toEqual(messages)
  await resumed.leave()
  const ofJob = await follow(path, { 'last-event-id': '1' })
  const all = await ofJob.take(453)
  expect(all.slice(-451, -1).map(facts)).toEqual(messages)
  expect(all.at(-1)).toMatchObject({ event: 'job' })
  await api.record.apply(id, { type: 'reported-success' })
  expect((await ofJob.take(2)).map(({ event }) => event)).toEqual(['entry', 'job'])
})

test('all jobs are followed in one stream: progress only when it is asked for', async () => {
  await addServer(api.call)
  const [plain, full] = [await follow('/api/v1/events'), await follow('/api/v1/events?progress=true')]
  const { job_id: id } = await addJob(api.call)
  await playJob(id)
  const some = await plain.take(10)
  expect(some.map(facts)).not.toContain('provisioning running:image-linux 9')
  expect((await full.take(11)).map(facts)).toContain('provisioning running:image-linux 9')
  expect(JSON.parse(some[0]?.data ?? '')).toMatchObject({ job_id: id, seq: 1, message: 'queued' })
  const resumed = await follow('/api/v1/events', { 'last-event-id': some[0]?.id ?? '' })
  expect((await resumed.take(2)).map(facts)).toEqual(['provisioning', 'running:image-linux'])
})

test('a position of an earlier controller is answered with a reset, not with silence', async () => {
  const stream = await follow('/api/v1/events', { 'last-event-id': 'abc-17' })
  expect(await stream.next()).toMatchObject({ event: 'reset' })
})

test('a thousand streams cost the store nothing, and HEAD opens none', async () => {
  await addServer(api.call)
  const { job_id: id } = await addJob(api.call)
  const path = `/api/v1/jobs/${id}/events`
  const accept = { accept: 'text/event-stream' }
  await api.call('HEAD', path, undefined, accept)
  expect(api.streams.count).toBe(0)
  const streams = await Promise.all(Array.from({ length: 1000 }, () => follow(path)))
  await Promise.all(streams.map((stream) => stream.take(2)))
  expect((await api.call('GET', path, undefined, accept)).status).toBe(429)
  const before = api.historyReads()
  await playJob(id)
  const heard = await Promise.all(streams.map((stream) => stream.rest()))
  expect(heard.every((events) => events.length === 9)).toBe(true)
  expect(api.historyReads()).toBe(before)
})
