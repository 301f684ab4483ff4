import type { Context } from 'hono'
import { beforeEach, expect, test } from 'vitest'
import type { JobSummary } from '../../../src/server/jobs/machine.ts'
import { jobBySecret } from '../../../src/server/routes/reports.ts'
import type { JobView } from '../../../src/server/routes/views.ts'
import { addJob, addServer } from '../support/api-call.ts'
import type { Api } from '../support/api-in-process.ts'
import { openApi } from '../support/api-in-process.ts'

let api: Api

beforeEach(async () => {
  api = await openApi()
  return api.close
})

const webhook = (serial: string, body: unknown, secret: string) =>
  api.app.request(`/api/v1/status-webhook/${serial}`, {
    method: 'POST',
    headers: { 'x-webhook-secret': secret },
    body: JSON.stringify(body),
  })

test('the webhook is believed with the secret of the job only, and repeats change nothing', async () => {
  await addServer(api.call)
  const { job_id: id } = await addJob(api.call)
  await api.record.apply(id, { type: 'claimed' })
  const failed = {
    status: 'failed',
    failed_step: 'partition.service',
    message: 'no such disk',
    delivery_id: 'd',
    extra: 1,
  }
  expect((await webhook('SN1', failed, 'guess')).status).toBe(401)
  expect((await webhook('SN9', failed, 'guess')).status).toBe(404)
  expect((await webhook('SN1', { status: 'failed' }, `webhook-${id}`)).status).toBe(400)
  expect((await webhook('SN1', { status: 'done' }, `webhook-${id}`)).status).toBe(400)
  for (const report of [failed, failed, { status: 'success' }]) {
    const answer = await webhook('SN1', report, `webhook-${id}`)
    expect([answer.status, await answer.json()]).toEqual([200, { ok: true }])
  }
  expect(await (await api.call('GET', `/api/v1/jobs/${id}`)).json()).toMatchObject({
    status: 'failed',
    failed_step: 'partition.service',
    message: 'no such disk',
  })
})

test('progress moves the phase and is shown; logs are kept', async () => {
  await addServer(api.call)
  const { job_id: id } = await addJob(api.call)
  await api.record.apply(id, { type: 'claimed' })
  const headers = { 'x-webhook-secret': `webhook-${id}`, authorization: '' }
  const report = { step: 'image-linux', bytes: 10, total_bytes: 100 }
  expect((await api.call('POST', `/api/v1/jobs/${id}/progress`, report, headers)).status).toBe(200)
  expect(
    (await api.call('POST', `/api/v1/jobs/${id}/progress`, report, { ...headers, 'x-webhook-secret': 'no' })).status,
  ).toBe(401)
  expect((await api.call('POST', `/api/v1/jobs/${id}/logs`, 'line one\n', headers)).status).toBe(201)
  expect(await (await api.call('GET', `/api/v1/jobs/${id}`)).json()).toMatchObject({
    phase: 'running:image-linux',
    progress: { bytes: 10, total_bytes: 100 },
  })
  expect(await (await api.call('GET', `/api/v1/jobs/${id}/logs`)).text()).toContain('line one')
})

test('logs are read as text, as its last lines, or with the time of each', async () => {
  await addServer(api.call)
  const { job_id: id } = await addJob(api.call)
  const secret = { 'x-webhook-secret': `webhook-${id}` }
  for (const text of ['one\ntwo\n', 'three\n']) await api.call('POST', `/api/v1/jobs/${id}/logs`, text, secret)
  const path = `/api/v1/jobs/${id}/logs`
  expect(await (await api.call('GET', path)).text()).toBe('one\ntwo\n\nthree\n')
  expect(await (await api.call('GET', `${path}?lines=1`)).text()).toBe('three\n')
  expect(await (await api.call('GET', `${path}?lines=100`)).text()).toBe('one\ntwo\n\nthree\n')
  const list = await (await api.call('GET', path, undefined, { accept: 'application/json' })).json()
  expect(list).toMatchObject({ logs: [{ text: 'one\ntwo\n' }, { text: 'three\n' }] })
  const last = await (await api.call('GET', `${path}?lines=2`, undefined, { accept: 'application/json' })).json()
  expect(last).toMatchObject({ logs: [{ text: 'two\n' }, { text: 'three\n' }] })
})

test('of many reports in any order the first one counts, also when it comes long after the job was given up', async () => {
  await addServer(api.call)
  const { job_id: id } = await addJob(api.call)
  await api.record.apply(id, { type: 'claimed' })
  const success = { status: 'success', delivery_id: 'a' }
  const failed = { status: 'failed', failed_step: 'image-linux.service', delivery_id: 'b' }
  const answers = await Promise.all(
    [success, failed, success, failed, success].map((body) => webhook('SN1', body, `webhook-${id}`)),
  )
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  const path = `/api/v1/jobs/${id}`
  expect(await (await api.call('GET', path)).json()).toMatchObject({ outcome: 'success', failed_step: null })
  await api.record.apply(id, { type: 'cleaned-up' })
  const { job_id: second } = await addJob(api.call)
  await api.record.apply(second, { type: 'claimed' })
  // A late delivery of the first job says nothing of the second, whose secret is another.
  expect((await webhook('SN1', failed, `webhook-${id}`)).status).toBe(200)
  expect(await (await api.call('GET', `/api/v1/jobs/${second}`)).json()).toMatchObject({ outcome: null })
  await api.record.apply(second, { type: 'timed-out', failedStep: 'webhook.wait', message: 'too late' })
  expect((await webhook('SN1', success, `webhook-${second}`)).status).toBe(200)
  expect(await (await api.call('GET', `/api/v1/jobs/${second}`)).json()).toMatchObject({ outcome: 'timeout' })
})

test('a report that says something else than how the job ended leaves one note', async () => {
  await addServer(api.call)
  const { job_id: id } = await addJob(api.call)
  await api.record.apply(id, { type: 'claimed' })
  await api.record.apply(id, { type: 'timed-out', failedStep: 'webhook.wait', message: 'no report came' })
  await api.record.apply(id, { type: 'cleaned-up' })
  for (let times = 0; times < 2; times++)
    expect((await webhook('SN1', { status: 'success' }, `webhook-${id}`)).status).toBe(200)
  const { events, outcome } = (await (await api.call('GET', `/api/v1/jobs/${id}`)).json()) as JobView & {
    events: { message: string }[]
  }
  expect(outcome).toBe('timeout')
  expect(events.filter(({ message }) => message.includes('reported'))).toMatchObject([
    { type: 'note', message: 'the maintenance OS reported success after the job had ended' },
  ])
})

test('logs are taken until shortly after the end of the job; then its secret is worth nothing', async () => {
  await addServer(api.call)
  const { job_id: id } = await addJob(api.call)
  const post = async () =>
    (await api.call('POST', `/api/v1/jobs/${id}/logs`, 'x\n', { 'x-webhook-secret': `webhook-${id}` })).status
  await api.record.apply(id, { type: 'cancelled' })
  await api.record.apply(id, { type: 'cleaned-up' })
  expect(await post()).toBe(201)
  api.setClock(16 * 60_000)
  expect(await post()).toBe(401)
})

test('the webhook of a job that many others have followed is still believed', async () => {
  await addServer(api.call)
  const ids: string[] = []
  for (let count = 0; count < 25; count++) {
    const { job_id: id } = await addJob(api.call)
    ids.push(id)
    await api.record.apply(id, { type: 'cancelled' })
    await api.record.apply(id, { type: 'cleaned-up' })
  }
  expect((await webhook('SN1', { status: 'success' }, `webhook-${ids[0]}`)).status).toBe(200)
  expect((await webhook('SN1', { status: 'success' }, 'guess')).status).toBe(401)
  // A week later nobody delivers any more, and whoever guesses is not worth a look at all of them.
  api.setClock(8 * 24 * 3600_000)
  expect((await webhook('SN1', { status: 'success' }, `webhook-${ids[0]}`)).status).toBe(401)
  expect((await webhook('SN1', { status: 'success' }, `webhook-${ids.at(-1)}`)).status).toBe(200)
})

test('a report without a secret derives none', async () => {
  const job = { id: 'a', updatedAt: new Date(0) } as unknown as JobSummary
  const asked: number[] = []
  const find = jobBySecret({
    jobs: {
      async ofServer(_: string, limit: number) {
        asked.push(limit)
        return Array<JobSummary>(limit).fill(job)
      },
    },
    secrets: {
      webhook: () => {
        throw new Error('derived')
      },
    },
    clock: { now: () => new Date(0) },
  } as unknown as Parameters<typeof jobBySecret>[0])
  const request = { req: { param: () => ({ server_serial: 'SN1' }), header: () => undefined } }
  await expect(find(request as unknown as Context)).rejects.toMatchObject({ code: 'unauthenticated' })
  expect(asked).toEqual([20])
})

test('a message that is an event stays among the events, once, also when it is sent again', async () => {
  await addServer(api.call)
  const { job_id: id } = await addJob(api.call)
  await api.record.apply(id, { type: 'claimed' })
  const headers = { 'x-webhook-secret': `webhook-${id}`, authorization: '' }
  const post = (report: object) => api.call('POST', `/api/v1/jobs/${id}/progress`, report, headers)
  const erasing = { step: 'image-disk', message: 'erasing /dev/sda (serial Z1)', event: true }
  for (const report of [
    { step: 'image-disk', message: 'started' },
    erasing,
    erasing,
    { step: 'image-disk', bytes: 1 },
  ]) {
    expect((await post(report)).status).toBe(200)
  }
  const { events } = (await (await api.call('GET', `/api/v1/jobs/${id}`)).json()) as { events: { message: string }[] }
  expect(events.map(({ message }) => message).slice(-2)).toEqual(['running:image-disk', 'erasing /dev/sda (serial Z1)'])
})

test('an event of a job that is over is refused, for what it announces must not happen; progress of it is forgotten', async () => {
  await addServer(api.call)
  const { job_id: id } = await addJob(api.call)
  const headers = { 'x-webhook-secret': `webhook-${id}`, authorization: '' }
  const post = (report: object) => api.call('POST', `/api/v1/jobs/${id}/progress`, report, headers)
  await api.record.apply(id, { type: 'claimed' })
  await api.record.apply(id, { type: 'cancelled' })
  const before = await (await api.call('GET', `/api/v1/jobs/${id}`)).json()
  for (const status of ['failed', 'complete']) {
    const refused = await post({ step: 'partition', message: 'erasing /dev/sda', event: true })
    expect([refused.status, await refused.json()]).toMatchObject([409, { code: 'job-transition' }])
    expect((await post({ step: 'partition', message: 'started' })).status).toBe(200)
    if (status === 'failed') {
      expect(await (await api.call('GET', `/api/v1/jobs/${id}`)).json()).toEqual(before)
      await api.record.apply(id, { type: 'cleaned-up' })
    }
  }
})
