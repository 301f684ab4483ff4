import { beforeEach, expect, test } from 'vitest'
import { openIso } from '../../../src/isobuilder/reader.ts'
import { addJob, addServer } from '../support/api-call.ts'
import type { Api } from '../support/api-in-process.ts'
import { openApi } from '../support/api-in-process.ts'
import { LINUX_RECIPE } from '../support/recipe.ts'

let api: Api

beforeEach(async () => {
  api = await openApi()
  return api.close
})

test('the task medium is served by its token: whole, by ranges, by HEAD, and no longer than the job', async () => {
  await addServer(api.call)
  const { job_id: id } = await addJob(api.call)
  const url = `/media/media-${id}-1/task.iso`
  const whole = await api.app.request(url)
  const bytes = Buffer.from(await whole.arrayBuffer())
  const iso = await openIso(async (offset, length) => bytes.subarray(offset, offset + length))
  expect(iso.label).toBe(`TASK_${id}`)
  expect(JSON.parse(Buffer.from(await iso.read('recipe.json', 1 << 20)).toString())).toEqual(LINUX_RECIPE)

  const head = await api.app.request(url, { method: 'HEAD' })
  expect([head.headers.get('content-length'), head.headers.get('etag')]).toEqual([
    String(bytes.length),
    whole.headers.get('etag'),
  ])
  const part = await api.app.request(url, { headers: { range: 'bytes=32768-32773' } })
  expect([part.status, await part.text()]).toEqual([206, '\u0001CD001'])
  const two = await api.app.request(url, { headers: { range: 'bytes=0-1,32769-32773' } })
  const body = Buffer.from(await two.arrayBuffer())
  expect([two.status, body.length]).toEqual([206, Number(two.headers.get('content-length'))])
  expect((await api.app.request(url, { headers: { range: `bytes=${bytes.length}-` } })).status).toBe(416)
  const stale = await api.app.request(url, { headers: { range: 'bytes=0-1', 'if-range': '"other"' } })
  expect(stale.status).toBe(200)

  await api.record.apply(id, { type: 'cancelled' })
  await api.record.apply(id, { type: 'cleaned-up' })
  expect((await api.app.request(url)).status).toBe(404)
  expect((await api.app.request('/media/guess/task.iso')).status).toBe(404)
})

test('whoever resumes the static image by a date gets all of it: another one has the same URL', async () => {
  const url = '/api/static/bootc-maintenance.iso'
  const resume = (condition: string) =>
    api.app.request(url, { headers: { range: 'bytes=2048-4095', 'if-range': condition } })
  const { headers } = await api.app.request(url, { method: 'HEAD' })
  expect(headers.get('last-modified')).toBeNull()
  expect((await resume('Tue, 01 Jan 1980 00:00:00 GMT')).status).toBe(200)
  expect((await resume(headers.get('etag') ?? '')).status).toBe(206)
})
