import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hono } from 'hono'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openIso } from '../../../src/isobuilder/reader.ts'
import type { Registry } from '../../../src/registry/registry.ts'
import { openRegistry } from '../../../src/registry/registry.ts'
import { controllerApp } from '../../../src/server/app.ts'
import { testMedia } from '../../../src/server/doctor/test-media.ts'
import type { JobRecord } from '../../../src/server/jobs/record.ts'
import { jobRecord } from '../../../src/server/jobs/record.ts'
import { jobMedia } from '../../../src/server/media/job-media.ts'
import { planMedium } from '../../../src/server/media/medium.ts'
import { registryCallers } from '../../../src/server/registry-access.ts'
import { checkSimulation } from '../../../src/server/simulated.ts'
import { openDatabase } from '../../../src/server/store/database.ts'
import { sqliteJobStore } from '../../../src/server/store/jobs.ts'
import { sqliteServerStore } from '../../../src/server/store/servers.ts'
import { sqliteTokenStore } from '../../../src/server/store/tokens.ts'
import { systemClock } from '../../../src/shared/time.ts'
import { PLAIN_SEAL, SECRETS } from '../support/with-worker.ts'

const RECIPE = {
  task_target: 'install-linux.target',
  target_disk: '/dev/vda',
  oci_url: 'oci://192.0.2.1/os/debian:13',
  partition_layout: [
    { size: '64MiB', format: 'vfat', mountpoint: '/boot/efi' },
    { size: '100%', format: 'ext4', mountpoint: '/' },
  ],
}

let directory = ''
let registry: Registry
let app: Hono
let record: JobRecord
let token = ''
/** What a power order of the API waits for. */
let switching: Promise<void> = Promise.resolve()
let reader = ''

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'provisioner-api-'))
})

beforeEach(async () => {
  await registry?.close()
  const db = openDatabase(':memory:')
  const jobs = sqliteJobStore(db)
  const servers = sqliteServerStore(db, PLAIN_SEAL)
  const tokens = sqliteTokenStore(db)
  const log = pino({ level: 'silent' })
  const clock = systemClock
  record = jobRecord(jobs, clock, () => undefined)
  const endpoints = { publicUrl: 'https://192.0.2.1:8443', mediaUrl: 'http://192.0.2.2', caPem: null }
  const media = jobMedia({ endpoints, secrets: SECRETS, taskKey: generateKeyPairSync('ed25519').privateKey })
  registry = await openRegistry({
    root: mkdtempSync(join(directory, 'registry-')),
    log,
    clock,
    callers: registryCallers({ tokens, jobs, secrets: SECRETS }),
  })
  app = controllerApp({
    jobs,
    servers,
    tokens,
    record,
    secrets: SECRETS,
    clock,
    log,
    registry,
    ready: async () => undefined,
    medium: async (job, name) => {
      const server = await servers.find(job.serverSerial)
      return name === 'task.iso' && server !== undefined ? planMedium(media.plan(job, server)) : undefined
    },
    testMedia: testMedia(endpoints.mediaUrl),
    diagnose: async () => [],
    power: async () => 'off',
    bring: async () => switching,
    reserved: new Set(),
    checkBmc: checkSimulation,
  })
  token = tokens.create('admin', 'admin', clock.now())
  reader = tokens.create('look', 'reader', clock.now())
})

afterAll(async () => {
  await registry.close()
  rmSync(directory, { recursive: true })
  // Each registry has some hundred directories for its blobs.
}, 60_000)

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  const init = { method, headers: { authorization: `Bearer ${token}`, ...headers } }
  return app.request(
    path,
    body === undefined ? init : { ...init, body: typeof body === 'string' ? body : JSON.stringify(body) },
  )
}

async function addServer(serial = 'SN1'): Promise<void> {
  const server = { serial, bmc_url: 'https://192.0.2.7', bmc_username: 'root', bmc_password: 'hunter2' }
  expect((await call('POST', '/api/v1/servers', server)).status).toBe(201)
}

interface Created {
  readonly job_id: string
  readonly status: string
}

async function addJob(serial = 'SN1', headers: Record<string, string> = {}): Promise<Created> {
  const answer = await call('POST', '/api/v1/jobs', { server_serial: serial, recipe: RECIPE }, headers)
  expect(answer.status).toBe(202)
  return (await answer.json()) as Created
}

test.for([
  ['GET', '/api/v1/jobs'],
  ['POST', '/api/v1/jobs'],
  ['GET', '/api/v1/servers'],
  ['DELETE', '/api/v1/servers/SN1'],
])('%s %s without a token is answered 401 with a problem document', async ([method, path]) => {
  const answer = await app.request(path ?? '', { method: method ?? '' })
  expect(answer.status).toBe(401)
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  expect(await answer.json()).toMatchObject({ code: 'unauthenticated', status: 401 })
})

test('a reader may look and not change', async () => {
  const headers = { authorization: `Bearer ${reader}` }
  expect((await app.request('/api/v1/jobs', { headers })).status).toBe(200)
  expect((await app.request('/api/v1/jobs', { method: 'POST', headers })).status).toBe(403)
})

test('a BMC password goes in and never comes out', async () => {
  await addServer()
  for (const path of ['/api/v1/servers', '/api/v1/servers/SN1']) {
    const text = await (await call('GET', path)).text()
    expect(text).toContain('192.0.2.7')
    expect(text).not.toContain('hunter2')
  }
})

test('a job is accepted with 202 and a location, and found there with its events', async () => {
  await addServer()
  const answer = await call('POST', '/api/v1/jobs', { server_serial: 'SN1', recipe: RECIPE })
  expect(answer.status).toBe(202)
  const created = (await answer.json()) as Created
  expect(answer.headers.get('location')).toBe(`/api/v1/jobs/${created.job_id}`)
  expect(await (await call('GET', `/api/v1/jobs/${created.job_id}`)).json()).toMatchObject({
    status: 'queued',
    server_serial: 'SN1',
    events: [{ seq: 1, message: 'queued' }],
  })
})

test('a YAML body is a job too', async () => {
  await addServer()
  const yaml =
    'server_serial: SN1\nrecipe:\n  task_target: firmware-update.target\n  firmware_url: https://192.0.2.1/fw\n'
  expect((await call('POST', '/api/v1/jobs', yaml, { 'content-type': 'application/yaml' })).status).toBe(202)
})

test.for<[string, unknown, number, string]>([
  ['an invalid recipe', { server_serial: 'SN1', recipe: { task_target: 'x' } }, 400, 'recipe-invalid'],
  ['an unknown server', { server_serial: 'SN9', recipe: RECIPE }, 404, 'server-not-found'],
  ['no recipe', { server_serial: 'SN1' }, 400, 'request-invalid'],
  ['an unknown field', { server_serial: 'SN1', recipe: RECIPE, when: 'now' }, 400, 'request-invalid'],
  ['no JSON', '{"server_serial":', 400, 'request-invalid'],
])('%s is answered with its status and code', async ([, body, status, code]) => {
  await addServer()
  const answer = await call('POST', '/api/v1/jobs', body)
  expect(answer.status).toBe(status)
  expect(await answer.json()).toMatchObject({ code })
})

test('a second job for a busy server is a conflict; the same idempotency key gives the first with 200', async () => {
  await addServer()
  const first = await addJob('SN1', { 'idempotency-key': 'k1' })
  const conflict = await call('POST', '/api/v1/jobs', { server_serial: 'SN1', recipe: RECIPE })
  expect([conflict.status, await conflict.json()]).toMatchObject([409, { code: 'job-active' }])
  const again = await call(
    'POST',
    '/api/v1/jobs',
    { server_serial: 'SN1', recipe: RECIPE },
    { 'idempotency-key': 'k1' },
  )
  expect([again.status, await again.json()]).toMatchObject([200, { job_id: first.job_id }])
})

test('an idempotency key is of one server and recipe; an empty one is none', async () => {
  await addServer()
  await addServer('SN2')
  await addJob('SN1', { 'idempotency-key': 'k1' })
  const other = { server_serial: 'SN2', recipe: RECIPE }
  const answer = await call('POST', '/api/v1/jobs', other, { 'idempotency-key': 'k1' })
  expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'request-invalid' }])
  expect((await call('POST', '/api/v1/jobs', other, { 'idempotency-key': '' })).status).toBe(400)
  expect((await call('POST', '/api/v1/jobs', other, { 'idempotency-key': 'x'.repeat(256) })).status).toBe(400)
})

test.for<[string, object]>([
  ['/bmc_url', { bmc_url: 'https://192.0.2.7:99999' }],
  ['/bmc_url', { bmc_url: 'https://[::1' }],
  ['/bmc_url', { bmc_url: 'https://root:secret@192.0.2.7' }],
  ['/network', { network: { mac: '52:54:00:00:00:01', addresses: ['192.0.2.300/24'], gateway: null, dns: [] } }],
  ['/network', { network: { mac: '52:54:00:00:00:01', addresses: ['192.0.2.3/64'], gateway: null, dns: [] } }],
  ['/network', { network: { mac: '52:54:00:00:00:01', addresses: ['192.0.2.3/24'], gateway: '....', dns: [] } }],
])('a server with a mistake in %s is refused when it is added, not when it boots', async ([path, mistake]) => {
  const server = { serial: 'SN1', bmc_url: 'https://192.0.2.7', bmc_username: 'root', bmc_password: 'hunter2' }
  const answer = await call('POST', '/api/v1/servers', { ...server, ...mistake })
  expect([answer.status, await answer.json()]).toMatchObject([400, { details: [{ path }] }])
})

test('no job begins on a server while it is switched by hand, and nothing is switched under a job', async () => {
  await addServer()
  const { promise, resolve } = Promise.withResolvers<void>()
  switching = promise
  const order = call('POST', '/api/v1/servers/SN1/power', { power: 'off' })
  await expect.poll(async () => (await call('POST', '/api/v1/servers/SN1/doctor')).status).toBe(409)
  const create = () => call('POST', '/api/v1/jobs', { server_serial: 'SN1', recipe: RECIPE })
  expect((await create()).status).toBe(409)
  resolve()
  expect((await order).status).toBe(200)
  expect((await create()).status).toBe(202)
  expect((await call('POST', '/api/v1/servers/SN1/power', { power: 'off' })).status).toBe(409)
})

test('a server with an active job cannot be removed', async () => {
  await addServer()
  await addJob()
  expect((await call('DELETE', '/api/v1/servers/SN1')).status).toBe(409)
})

const webhook = (serial: string, body: unknown, secret: string) =>
  app.request(`/api/v1/status-webhook/${serial}`, {
    method: 'POST',
    headers: { 'x-webhook-secret': secret },
    body: JSON.stringify(body),
  })

test('the webhook is believed with the secret of the job only, and repeats change nothing', async () => {
  await addServer()
  const { job_id: id } = await addJob()
  await record.apply(id, { type: 'claimed' })
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
  expect(await (await call('GET', `/api/v1/jobs/${id}`)).json()).toMatchObject({
    status: 'failed',
    failed_step: 'partition.service',
    message: 'no such disk',
  })
})

test('progress moves the phase and is shown; logs are kept', async () => {
  await addServer()
  const { job_id: id } = await addJob()
  await record.apply(id, { type: 'claimed' })
  const headers = { 'x-webhook-secret': `webhook-${id}`, authorization: '' }
  const report = { step: 'image-linux', bytes: 10, total_bytes: 100 }
  expect((await call('POST', `/api/v1/jobs/${id}/progress`, report, headers)).status).toBe(200)
  expect(
    (await call('POST', `/api/v1/jobs/${id}/progress`, report, { ...headers, 'x-webhook-secret': 'no' })).status,
  ).toBe(401)
  expect((await call('POST', `/api/v1/jobs/${id}/logs`, 'line one\n', headers)).status).toBe(201)
  expect(await (await call('GET', `/api/v1/jobs/${id}`)).json()).toMatchObject({
    phase: 'running:image-linux',
    progress: { bytes: 10, total_bytes: 100 },
  })
  expect(await (await call('GET', `/api/v1/jobs/${id}/logs`)).text()).toContain('line one')
})

test('the task medium is served by its token: whole, by ranges, by HEAD, and no longer than the job', async () => {
  await addServer()
  const { job_id: id } = await addJob()
  const url = `/media/media-${id}-1/task.iso`
  const whole = await app.request(url)
  const bytes = Buffer.from(await whole.arrayBuffer())
  const iso = await openIso(async (offset, length) => bytes.subarray(offset, offset + length))
  expect(iso.label).toBe(`TASK_${id}`)
  expect(JSON.parse(Buffer.from(await iso.read('recipe.json', 1 << 20)).toString())).toEqual(RECIPE)

  const head = await app.request(url, { method: 'HEAD' })
  expect([head.headers.get('content-length'), head.headers.get('etag')]).toEqual([
    String(bytes.length),
    whole.headers.get('etag'),
  ])
  const part = await app.request(url, { headers: { range: 'bytes=32768-32773' } })
  expect([part.status, await part.text()]).toEqual([206, '\u0001CD001'])
  const two = await app.request(url, { headers: { range: 'bytes=0-1,32769-32773' } })
  const body = Buffer.from(await two.arrayBuffer())
  expect([two.status, body.length]).toEqual([206, Number(two.headers.get('content-length'))])
  expect((await app.request(url, { headers: { range: `bytes=${bytes.length}-` } })).status).toBe(416)
  const stale = await app.request(url, { headers: { range: 'bytes=0-1', 'if-range': '"other"' } })
  expect(stale.status).toBe(200)

  await record.apply(id, { type: 'cancelled' })
  await record.apply(id, { type: 'cleaned-up' })
  expect((await app.request(url)).status).toBe(404)
  expect((await app.request('/media/guess/task.iso')).status).toBe(404)
})

test('under /v2/ an API token may do everything, a running job may pull what its recipe names, nobody else anything', async () => {
  await addServer()
  const { job_id: id } = await addJob()
  const as = (password: string, username = 'x') => ({
    headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` },
  })
  expect((await app.request('/v2/')).status).toBe(401)
  expect((await app.request('/v2/', as(token))).status).toBe(200)
  expect((await app.request('/v2/', as(`registry-${id}`, id))).status).toBe(401)
  await record.apply(id, { type: 'claimed' })
  expect((await app.request('/v2/', as(`registry-${id}`, id))).status).toBe(200)
  expect((await app.request('/v2/os/debian/manifests/13', as(`registry-${id}`, id))).status).toBe(404)
  expect((await app.request('/v2/os/other/manifests/13', as(`registry-${id}`, id))).status).toBe(403)
  const push = { ...as(`registry-${id}`, id), method: 'POST' }
  expect((await app.request('/v2/os/debian/blobs/uploads/', push)).status).toBe(403)
})

test('an unknown path is a problem document, under /v2/ an OCI error', async () => {
  expect(await (await app.request('/nowhere')).json()).toMatchObject({ code: 'not-found', status: 404 })
  expect(
    await (await app.request('/v2/nowhere', { headers: { authorization: `Bearer ${token}` } })).json(),
  ).toHaveProperty('errors')
})
