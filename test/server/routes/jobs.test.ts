import { beforeEach, expect, test } from 'vitest'
import type { JobPhase } from '../../../src/server/jobs/machine.ts'
import type { Created } from '../support/api-call.ts'
import { addJob, addServer } from '../support/api-call.ts'
import type { Api } from '../support/api-in-process.ts'
import { openApi } from '../support/api-in-process.ts'
import { LINUX_RECIPE } from '../support/recipe.ts'
import { FIRMWARE_RECIPE } from '../support/sample-job.ts'

let api: Api

beforeEach(async () => {
  api = await openApi()
  return api.close
})

test('a job is accepted with 202 and a location, and found there with its events', async () => {
  await addServer(api.call)
  const answer = await api.call('POST', '/api/v1/jobs', { server_serial: 'SN1', recipe: LINUX_RECIPE })
  expect(answer.status).toBe(202)
  const created = (await answer.json()) as Created
  expect(answer.headers.get('location')).toBe(`/api/v1/jobs/${created.job_id}`)
  expect(await (await api.call('GET', `/api/v1/jobs/${created.job_id}`)).json()).toMatchObject({
    status: 'queued',
    server_serial: 'SN1',
    events: [{ seq: 1, message: 'queued' }],
  })
})

test('a YAML body is a job too', async () => {
  await addServer(api.call)
  const yaml = `server_serial: SN1\nrecipe: ${JSON.stringify(FIRMWARE_RECIPE)}\n`
  expect((await api.call('POST', '/api/v1/jobs', yaml, { 'content-type': 'application/yaml' })).status).toBe(202)
})

test.for<[string, unknown, number, string]>([
  ['an invalid recipe', { server_serial: 'SN1', recipe: { task_target: 'x' } }, 400, 'recipe-invalid'],
  ['an unknown server', { server_serial: 'SN9', recipe: LINUX_RECIPE }, 404, 'server-not-found'],
  ['no recipe', { server_serial: 'SN1' }, 400, 'request-invalid'],
  ['an unknown field', { server_serial: 'SN1', recipe: LINUX_RECIPE, when: 'now' }, 400, 'request-invalid'],
  ['no JSON', '{"server_serial":', 400, 'request-invalid'],
])('%s is answered with its status and code', async ([, body, status, code]) => {
  await addServer(api.call)
  const answer = await api.call('POST', '/api/v1/jobs', body)
  expect(answer.status).toBe(status)
  expect(await answer.json()).toMatchObject({ code })
})

test('a second job for a busy server is a conflict; the same idempotency key gives the first with 200', async () => {
  await addServer(api.call)
  const first = await addJob(api.call, 'SN1', { 'idempotency-key': 'k1' })
  const conflict = await api.call('POST', '/api/v1/jobs', { server_serial: 'SN1', recipe: LINUX_RECIPE })
  expect([conflict.status, await conflict.json()]).toMatchObject([409, { code: 'job-active' }])
  const again = await api.call(
    'POST',
    '/api/v1/jobs',
    { server_serial: 'SN1', recipe: LINUX_RECIPE },
    { 'idempotency-key': 'k1' },
  )
  expect([again.status, await again.json()]).toMatchObject([200, { job_id: first.job_id }])
})

test('an idempotency key is of one server and recipe; an empty one is none', async () => {
  await addServer(api.call)
  await addServer(api.call, 'SN2')
  await addJob(api.call, 'SN1', { 'idempotency-key': 'k1' })
  const other = { server_serial: 'SN2', recipe: LINUX_RECIPE }
  const answer = await api.call('POST', '/api/v1/jobs', other, { 'idempotency-key': 'k1' })
  expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'request-invalid' }])
  expect((await api.call('POST', '/api/v1/jobs', other, { 'idempotency-key': '' })).status).toBe(400)
  expect((await api.call('POST', '/api/v1/jobs', other, { 'idempotency-key': 'x'.repeat(256) })).status).toBe(400)
})

test('an idempotency key gives its job whatever has happened since', async () => {
  await addServer(api.call)
  const key = { 'idempotency-key': 'k1' }
  const { job_id: id } = await addJob(api.call, 'SN1', key)
  await api.record.apply(id, { type: 'cancelled' })
  await api.record.apply(id, { type: 'cleaned-up' })
  const again = async () => {
    const answer = await api.call('POST', '/api/v1/jobs', { server_serial: 'SN1', recipe: LINUX_RECIPE }, key)
    return [answer.status, ((await answer.json()) as Created).job_id]
  }
  const { promise, resolve } = Promise.withResolvers<void>()
  api.switching = promise
  const order = api.call('POST', '/api/v1/servers/SN1/power', { power: 'off' })
  expect(await again()).toEqual([200, id])
  resolve()
  await order
  expect((await api.call('DELETE', '/api/v1/servers/SN1')).status).toBe(204)
  expect(await again()).toEqual([200, id])
})

test('pages of jobs neither repeat nor leave out one while new jobs come in', async () => {
  const ids: string[] = []
  for (let n = 1; n <= 5; n++) {
    await addServer(api.call, `SN${n}`)
    ids.unshift((await addJob(api.call, `SN${n}`)).job_id)
  }
  const first = await page('limit=2')
  await addServer(api.call, 'SN6')
  await addJob(api.call, 'SN6')
  const second = await page(`limit=2&cursor=${first.next}`)
  const third = await page(`limit=2&cursor=${second.next}`)
  // Ids of one millisecond have no order among themselves.
  expect([first, second, third].flatMap(({ jobs }) => jobs.map((job) => job.job_id)).sort()).toEqual([...ids].sort())
  expect(third.next).toBeNull()
})

async function page(
  query: string,
): Promise<{ jobs: { job_id: string; server_serial: string }[]; next: string | null }> {
  const answer = await api.call('GET', `/api/v1/jobs?${query}`)
  expect(answer.status).toBe(200)
  return (await answer.json()) as never
}

test('jobs are found by status, outcome, server and target', async () => {
  await addServer(api.call)
  await addServer(api.call, 'SN2')
  const { job_id: id } = await addJob(api.call)
  await addJob(api.call, 'SN2')
  await api.record.apply(id, { type: 'cancelled' })
  for (const query of ['status=failed', 'outcome=cancelled', 'server=SN1', 'target=install-linux.target&server=SN1'])
    expect((await page(query)).jobs.map((job) => job.job_id)).toEqual([id])
  expect((await page('target=install-windows.target')).jobs).toEqual([])
})

test.for<[JobPhase, string]>([
  ['preparing', 'preparing'],
  ['mounting', 'cleaning-up'],
  ['booting', 'cleaning-up'],
  ['dispatching', 'cleaning-up'],
  ['running:image-linux', 'cleaning-up'],
])('a job that is %s is cancelled over the API, and is %s then', async ([phase, after]) => {
  await addServer(api.call)
  const { job_id: id } = await addJob(api.call)
  await api.record.apply(id, { type: 'claimed' })
  if (phase !== 'preparing') await api.record.enter(id, phase)
  const cancel = () => api.call('POST', `/api/v1/jobs/${id}/cancel`)
  const first = await cancel()
  const cancelled = { status: 'failed', outcome: 'cancelled', phase: after }
  expect([first.status, await first.json()]).toMatchObject([202, cancelled])
  // Cleanup is on its way: a second order changes nothing, and a report that comes late neither.
  expect((await cancel()).status).toBe(409)
  await api.record.apply(id, { type: 'reported-success' })
  expect(await (await api.call('GET', `/api/v1/jobs/${id}`)).json()).toMatchObject(cancelled)
  await api.record.apply(id, { type: 'cleaned-up' })
  expect((await cancel()).status).toBe(409)
})

test('a job that nobody has begun is cancelled without touching its server', async () => {
  await addServer(api.call)
  const { job_id: id } = await addJob(api.call)
  const answer = await api.call('POST', `/api/v1/jobs/${id}/cancel`)
  expect([answer.status, await answer.json()]).toMatchObject([202, { outcome: 'cancelled', phase: null }])
})

test('a recipe is checked without a job', async () => {
  const check = async (recipe: unknown) => (await api.call('POST', '/api/v1/recipes/validate', recipe)).json()
  expect(await check(LINUX_RECIPE)).toMatchObject({
    valid: true,
    details: [],
    warnings: [{ code: 'unstable-disk' }, {}, {}],
  })
  expect(await check({ task_target: 'x', size: 1 })).toMatchObject({
    valid: false,
    details: [{ path: '/size' }, { path: '/task_target' }],
  })
})

test('a retried job knows what it repeats, and waits for no other', async () => {
  await addServer(api.call)
  const { job_id: id } = await addJob(api.call)
  expect((await api.call('POST', `/api/v1/jobs/${id}/retry`)).status).toBe(409)
  await api.record.apply(id, { type: 'cancelled' })
  await api.record.apply(id, { type: 'cleaned-up' })
  const retried = await api.call('POST', `/api/v1/jobs/${id}/retry`)
  expect([retried.status, await retried.json()]).toMatchObject([202, { retry_of: id, status: 'queued' }])
  expect((await api.call('POST', `/api/v1/jobs/${id}/cancel`)).status).toBe(409)
})
