import { Validator } from '@seriousme/openapi-schema-validator'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ENDPOINTS } from '../../../src/server/routes/endpoints.ts'
import { accountTour } from '../support/account-tour.ts'
import { addJob, bodyOf } from '../support/api-call.ts'
import type { Api } from '../support/api-in-process.ts'
import { openApi } from '../support/api-in-process.ts'
import type { OpenApi } from '../support/conformance.ts'
import { conformance, watched } from '../support/conformance.ts'
import { LINUX_RECIPE } from '../support/recipe.ts'

let api: Api
let document: OpenApi

beforeAll(async () => {
  api = await openApi()
  document = (await (await api.app.request('/api/v1/openapi.json')).json()) as OpenApi
})

afterAll(() => api.close())

test('the document is valid OpenAPI 3.1', async () => {
  const found = await new Validator().validate({ ...structuredClone(document) })
  expect(found.errors ?? []).toEqual([])
  expect(found.valid).toBe(true)
})

test('every reference in the document leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)]
  for (const [, name = ''] of references) expect(document.components.schemas).toHaveProperty([name])
  expect(references.length).toBeGreaterThan(50)
})

test('the document has every route of the controller, and no other', () => {
  const registered = api.app.routes
    .filter(({ path, method }) => !path.startsWith('/v2') && method !== 'ALL')
    .map(({ method, path }) => `${method} ${path.replace(/:([a-z_]+)/g, '{$1}')}`)
  const described = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations)
      .filter((method) => method !== 'head')
      .map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(described.sort()).toEqual(registered.sort())
})

test.for(Object.entries(ENDPOINTS))(
  '%s is open to whom its row says, and to nobody below',
  async ([, { method, path, may }]) => {
    const ask = async (headers: Record<string, string>) =>
      (await api.app.request(path.replace(/\{[a-z_]+\}/g, 'none'), { method, headers })).status
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
    if (may === 'reader' || may === 'operator' || may === 'admin') {
      expect(await ask({})).toBe(401)
      expect((await ask(bearer(api.reader))) === 403).toBe(may !== 'reader')
      expect(await ask(bearer(api.token))).not.toBe(403)
    }
    // Without a job the secret cannot be right; what anybody may ask for is not refused for the caller's sake.
    if (may === 'job') expect(await ask(bearer(api.token))).toBe(404)
    if (may === 'anyone') expect(await ask({})).not.toBe(401)
  },
)

/** They fail only where a thing is not configured, and here it is. */
const CONFIGURED = ['getCa']

test('every endpoint answers as it is described, when it succeeds and when it does not', async () => {
  const watcher = conformance(document)
  const request = watched(api.app, watcher)
  const call = async (method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}) => {
    const text = bodyOf(body)
    const sent = { authorization: `Bearer ${api.token}`, 'content-type': 'application/json', ...headers }
    const init = { method, headers: sent }
    return request(path, text === undefined ? init : { ...init, body: text })
  }
  const path = (text: string) => `/api/v1${text}`
  const server = { bmc_url: 'https://192.0.2.7', bmc_username: 'root', bmc_password: 'hunter2' }
  const network = { mac: '52:54:00:00:00:01', addresses: ['192.0.2.3/24'], gateway: null, dns: ['192.0.2.1'] }
  for (const body of [
    { ...server, serial: 'SN1', network },
    { ...server, serial: 'SN1' },
    { serial: '/' },
    'no JSON',
  ]) {
    await call('POST', path('/servers'), body)
  }
  for (const what of ['/servers', '/servers?x=1', '/servers/SN1', '/servers/SN9']) await call('GET', path(what))
  for (const what of ['doctor', 'power']) {
    await call('POST', path(`/servers/SN1/${what}`), { power: 'on' })
    await call('POST', path(`/servers/SN9/${what}`), { power: 'on' })
  }
  await call('GET', path('/servers/SN1/power'))
  await call('GET', path('/servers/SN9/power'))

  const etag = { 'if-match': '"other"' }
  for (const headers of [{}, etag]) await call('PATCH', path('/servers/SN1'), { vendor: 'dell' }, headers)
  for (const body of [LINUX_RECIPE, {}, 'no JSON']) await call('POST', path('/recipes/validate'), body)
  for (const method of ['GET', 'HEAD']) await call(method, '/api/static/bootc-maintenance.iso')
  await call('GET', '/api/static/bootc-maintenance.iso', undefined, { range: 'bytes=99999999-' })

  const { job_id: id } = await addJob(call, 'SN1', { 'idempotency-key': 'k' })
  const again = { server_serial: 'SN1', recipe: LINUX_RECIPE }
  for (const key of ['k', 'other', '']) await call('POST', path('/jobs'), again, { 'idempotency-key': key })
  await call('POST', path('/jobs'), { server_serial: 'SN1', recipe: { task_target: 'x' } })
  await call('DELETE', path('/servers/SN1'))
  const token = `media-${id}-1`
  for (const range of ['', 'bytes=0-1', 'bytes=0-1,4-5', 'bytes=9999999-']) {
    const headers: Record<string, string> = range === '' ? {} : { range }
    await call('GET', `/media/${token}/task.iso`, undefined, headers)
  }
  await call('HEAD', `/media/${token}/task.iso`)
  await call('GET', '/media/guess/task.iso')
  const examination = api.testMedia.open()
  for (const method of ['GET', 'HEAD']) await call(method, new URL(examination.url).pathname)
  await call('GET', '/media/guess/doctor.iso')
  await api.record.apply(id, { type: 'claimed' })

  const secret = { 'x-webhook-secret': `webhook-${id}` }
  const progress = { step: 'image-linux', bytes: 1, total_bytes: 2, message: 'writing' }
  for (const headers of [secret, { 'x-webhook-secret': 'guess' }]) {
    await call('POST', path(`/jobs/${id}/progress`), progress, headers)
    await call('POST', path(`/jobs/${id}/logs`), 'a line\n', headers)
    await call('POST', path('/status-webhook/SN1'), { status: 'success', delivery_id: 'd', later: 1 }, headers)
  }
  await call('POST', path(`/jobs/${id}/progress`), {}, secret)
  await call('POST', path('/status-webhook/SN1'), { status: 'failed' }, secret)
  await call('POST', path('/status-webhook/SN9'), { status: 'failed' }, secret)

  const stream = { accept: 'text/event-stream' }
  for (const what of [path(`/jobs/${id}/events`), path('/events')]) {
    const answer = await api.app.request(what, { headers: { authorization: `Bearer ${api.token}`, ...stream } })
    await watcher.check('GET', what, new Response(null, answer))
    await answer.body?.cancel()
  }
  await call('GET', path('/events?x=1'), undefined, stream)
  for (const what of ['', '/events', '/events?after=1', '/events?after=x', '/logs']) {
    await call('GET', path(`/jobs/${id}${what}`))
    await call('GET', path(`/jobs/none${what}`))
  }
  await call('GET', path(`/jobs/${id}/logs`), undefined, { accept: 'application/json' })
  await call('GET', path('/jobs?limit=1&status=succeeded'))
  await call('GET', path('/jobs?limit=0&limit=1&state=x'))
  await call('POST', path(`/jobs/${id}/cancel`))
  await call('POST', path(`/jobs/${id}/retry`))
  await api.record.apply(id, { type: 'cleaned-up' })
  const { job_id: second } = (await (await call('POST', path(`/jobs/${id}/retry`))).json()) as { job_id: string }
  await call('POST', path(`/jobs/${second}/cancel`))
  await api.record.apply(second, { type: 'cleaned-up' })
  await call('DELETE', path('/servers/SN1'))
  for (const what of ['/', '/dashboard/style.css', '/dashboard/none', '/dashboard/main.js']) await call('GET', what)
  for (const what of ['/healthz', '/readyz', '/metrics', '/metrics?x=1', path('/openapi.json')]) await call('GET', what)

  await accountTour(call)

  expect(watcher.deviations).toEqual([])
  const operations = Object.values(document.paths).flatMap((row) => Object.values(row))
  for (const { operationId, responses } of operations) {
    const seen = [...(watcher.seen.get(operationId) ?? [])]
    expect(
      seen.some((status) => status < 300),
      `${operationId} succeeds in this test`,
    ).toBe(true)
    const canFail = Object.keys(responses).some((status) => Number(status) >= 400 && Number(status) < 500)
    const fails = seen.some((status) => status >= 400)
    if (canFail && !operationId.endsWith('Head') && !CONFIGURED.includes(operationId))
      expect(fails, `${operationId} fails in this test`).toBe(true)
  }
})
