import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { expect, onTestFinished, test } from 'vitest'
import { mount } from '../../../src/server/http/mount.ts'
import type { Medium } from '../../../src/server/media/medium.ts'
import { fileMedium, planMedium } from '../../../src/server/media/medium.ts'
import { MEDIA_ENDPOINTS, mediaHandlers } from '../../../src/server/routes/media.ts'
import { bytesOf, file, patternSource, planOf } from '../../isobuilder/image-bytes.ts'
import { scratch } from '../../support/scratch.ts'
import { NO_GATE } from '../support/no-gate.ts'
import { sampleJob } from '../support/sample-job.ts'

const never = new AbortController().signal
const plan = planOf([{ path: 'a', source: patternSource(300_000) }, file('b')])
const image = await bytesOf(plan)

function routes(medium: Medium): Hono {
  const job = { ...sampleJob({ status: 'provisioning', phase: 'booting' }), id: 'job' }
  const app = new Hono()
  app.onError((error, c) => c.text(error.message, 500))
  const handlers = mediaHandlers({ jobs: { byMediaToken: async () => job as never }, medium: async () => medium })
  mount(app, MEDIA_ENDPOINTS, handlers, NO_GATE)
  return app
}

const app = routes(planMedium(plan))
const ask = async (headers: Record<string, string>, method = 'GET') => {
  const response = await app.request('/media/token/maintenance.iso', { method, headers })
  return { response, body: Buffer.from(await response.arrayBuffer()) }
}

test('the whole medium has its length, its tag and a date that never changes; HEAD says the same without a body', async () => {
  const [whole, head] = [await ask({}), await ask({}, 'HEAD')]
  expect(whole.response.status).toBe(200)
  expect(whole.body.equals(image)).toBe(true)
  expect(head.body).toHaveLength(0)
  for (const { headers } of [whole.response, head.response]) {
    expect(Object.fromEntries(headers)).toMatchObject({
      'accept-ranges': 'bytes',
      'content-length': String(plan.size),
      'content-type': 'application/octet-stream',
      etag: plan.etag,
      'last-modified': 'Tue, 01 Jan 1980 00:00:00 GMT',
    })
  }
})

test.for([
  ['bytes=0-0', 0, 1],
  ['bytes=32768-34815', 32_768, 34_816],
  ['bytes=100000-', 100_000, plan.size],
  ['bytes=-2048', plan.size - 2048, plan.size],
  [`bytes=2048-${plan.size * 2}`, 2048, plan.size],
] as const)('%s is that part', async ([range, start, end]) => {
  const { response, body } = await ask({ range })
  expect(response.status).toBe(206)
  expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/${plan.size}`)
  expect(body.equals(image.subarray(start, end))).toBe(true)
})

test('several ranges come in one answer of several parts, of the length that was told', async () => {
  const { response, body } = await ask({ range: 'bytes=5-9,70000-140000,-3' })
  expect(response.status).toBe(206)
  const boundary = /^multipart\/byteranges; boundary=(.+)$/.exec(response.headers.get('content-type') ?? '')?.[1]
  expect(body).toHaveLength(Number(response.headers.get('content-length')))
  const parts = body.toString('latin1').split(`--${boundary}`).slice(1, -1)
  const contents = parts.map((part) => part.slice(part.indexOf('\r\n\r\n') + 4, -2))
  const wanted = [image.subarray(5, 10), image.subarray(70_000, 140_001), image.subarray(-3)]
  expect(contents).toEqual(wanted.map((bytes) => bytes.toString('latin1')))
})

test.for([
  ['its tag', plan.etag, 206],
  ['its date', 'Tue, 01 Jan 1980 00:00:00 GMT', 206],
  ['another tag', '"sha256:other"', 200],
  ['a weak tag', `W/${plan.etag}`, 200],
  ['another date', 'Wed, 02 Jan 1980 00:00:00 GMT', 200],
] as const)('If-Range with %s decides whether a part is right', async ([, condition, status]) => {
  const { response, body } = await ask({ range: 'bytes=0-99', 'if-range': condition })
  expect(response.status).toBe(status)
  expect(body).toHaveLength(status === 206 ? 100 : plan.size)
})

test.for([`bytes=${plan.size}-`, 'bytes=9-5'])('%s asks for nothing there is', async (range) => {
  const { response } = await ask({ range })
  expect(response.status).toBe(416)
  expect(response.headers.get('content-range')).toBe(`bytes */${plan.size}`)
})

test.for(['bytes=u-u', 'sectors=0-1', 'bytes='])('"%s" is no range, so the whole is sent', async (range) => {
  expect((await ask({ range })).response.status).toBe(200)
})

test('a maintenance image that changes ends the answers short or in an error, never in other bytes', async () => {
  const directory = scratch()
  const path = join(directory, 'maintenance.iso')
  const before = Buffer.alloc(4 * 1024 * 1024, 'before')
  await writeFile(path, before)
  const medium = await fileMedium(path, never)
  const server = serve({ fetch: routes(medium).fetch, port: 0, hostname: '127.0.0.1' })
  onTestFinished(() => void server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  const url = `http://127.0.0.1:${port}/media/token/maintenance.iso`
  const small = async (start: number) => fetch(url, { headers: { range: `bytes=${start}-${start + 2047}` } })

  expect(Buffer.from(await (await small(0)).arrayBuffer()).equals(before.subarray(0, 2048))).toBe(true)
  await writeFile(path, Buffer.alloc(before.length, 'after!'))
  await expect(fetch(url).then((response) => response.arrayBuffer())).rejects.toThrow()
  expect((await small(1024 * 1024)).status).toBe(500)
  // What was read before is still what was promised.
  expect(Buffer.from(await (await small(4096)).arrayBuffer()).equals(before.subarray(4096, 6144))).toBe(true)
})
