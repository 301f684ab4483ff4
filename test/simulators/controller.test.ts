import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ServeConfig } from '../../src/config.ts'
import { bytesSource } from '../../src/isobuilder/source.ts'
import type { Started } from '../../src/server/compose.ts'
import { runController } from '../../src/server/compose.ts'
import type { DoctorView } from '../../src/server/routes/doctor.ts'
import type { JobView } from '../../src/server/routes/views.ts'
import type { Connections } from '../../src/shared/http-client.ts'
import { openConnections, readBody, sendRequest } from '../../src/shared/http-client.ts'
import { sleep } from '../../src/shared/time.ts'
import { PROFILES } from '../../src/simulators/profiles.ts'
import { imageOf } from '../isobuilder/image-bytes.ts'

/** Alone it takes some seconds; the machine may have other things to do. */
const LONG = { timeout: 60_000 }

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
let controller: { readonly url: string; readonly token: string; readonly connections: Connections }
const stop = new AbortController()
let ended: Promise<void> = Promise.resolve()

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'simulated-'))
  const port = await freePort()
  const boot = bytesSource(Buffer.alloc(300_000, 'boot'))
  writeFileSync(join(directory, 'maintenance.iso'), await imageOf([{ path: 'boot.bin', source: boot }], 'MAINTENANCE'))
  const settings: ServeConfig = {
    host: '127.0.0.1',
    port,
    dataDir: join(directory, 'data'),
    publicUrl: undefined,
    mediaUrl: undefined,
    maintenanceIso: join(directory, 'maintenance.iso'),
    adminTokenFile: join(directory, 'token'),
    registryPolicy: undefined,
    workers: 32,
    logLevel: 'silent',
    tls: true,
  }
  const { promise, resolve, reject } = Promise.withResolvers<Started>()
  ended = runController(settings, pino({ level: 'silent' }), resolve, stop.signal)
  ended.catch(reject)
  const { url } = await promise
  const token = readFileSync(join(directory, 'token'), 'utf8').trim()
  const ca = readFileSync(join(directory, 'data', 'tls', 'ca.pem'), 'utf8')
  controller = { url, token, connections: openConnections(ca) }
})

afterAll(async () => {
  controller.connections.close()
  stop.abort()
  await ended
  rmSync(directory, { recursive: true })
})

async function call<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<{ status: number; body: T }> {
  const headers = { authorization: `Bearer ${controller.token}`, 'content-type': 'application/json' }
  const url = new URL(`${controller.url}/api/v1${path}`)
  const request = {
    url,
    method,
    headers,
    connections: controller.connections,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }
  const answer = await sendRequest(request, AbortSignal.timeout(30_000))
  return { status: answer.status, body: JSON.parse((await readBody(answer, 1024 * 1024)).toString()) as T }
}

async function register(what: string): Promise<string> {
  const serial = `SN-${what.replaceAll('+', '.')}`
  const bmc = { bmc_url: `simulate:${what}`, bmc_username: 'simulated', bmc_password: 'simulated' }
  expect(await call('POST', '/servers', { serial, ...bmc })).toMatchObject({ status: 201 })
  return serial
}

async function startJob(what: string): Promise<string> {
  const { body } = await call<JobView>('POST', '/jobs', { server_serial: await register(what), recipe: RECIPE })
  return body.job_id
}

async function complete(id: string): Promise<JobView> {
  for (;;) {
    const { body: job } = await call<JobView>('GET', `/jobs/${id}`)
    if (job.status === 'complete') return job
    await sleep(250)
  }
}

/** One free port: media URLs are made of the address that is listened on. */
async function freePort(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const server = createServer().listen(0, '127.0.0.1', resolve)
  await promise
  const { port } = server.address() as AddressInfo
  await new Promise((closed) => server.close(closed))
  return port
}

const GOOD = PROFILES.map(({ name }) => name).filter((name) => name !== 'supermicro-x10')

test(
  'the same job runs green on every simulated BMC, from the API to the report of the maintenance OS',
  LONG,
  async () => {
    const ids = await Promise.all(GOOD.map((name) => startJob(`${name}+quick`)))
    const jobs = await Promise.all(ids.map(complete))
    const outcomes = jobs.map(({ outcome, failed_step: step, message }) => [outcome, step, message])
    expect(Object.fromEntries(GOOD.map((name, index) => [name, outcomes[index]]))).toEqual(
      Object.fromEntries(GOOD.map((name) => [name, ['success', null, null]])),
    )
    for (const job of jobs) {
      const phases = job.events?.filter(({ type }) => type === 'phase').map(({ message }) => message)
      expect(phases).toEqual(expect.arrayContaining(['mounting', 'booting', 'dispatching', 'running:image-linux']))
      expect(await call('GET', `/servers/${job.server_serial}/power`)).toMatchObject({ body: { power: 'on' } })
    }
  },
)

test.for<[string, string, RegExp]>([
  ['supermicro-x10', 'redfish.mount.maintenance', /Supermicro X10 takes them from SMB shares only/],
  ['ilo6+no-licence', 'redfish.mount.maintenance', /iLO Advanced license/],
  ['idrac10+wrong-serial', 'redfish.discover', /belongs to server "OTHER-1"/],
  ['cisco+fails', 'partition.service', /no such disk/],
])('%s: the job fails in %s', LONG, async ([what, step, message]) => {
  const job = await complete(await startJob(`${what}+quick`))
  expect(job).toMatchObject({ outcome: 'failed', failed_step: step, message: expect.stringMatching(message) })
})

test('the doctor sees its medium fetched, power is switched by hand, and neither while a job runs', LONG, async () => {
  const serial = await register('idrac9+silent+quick')
  const { body } = await call<DoctorView>('POST', `/servers/${serial}/doctor`)
  expect(body).toMatchObject({ serial, healthy: true })
  expect(body.findings).toContainEqual(expect.objectContaining({ check: 'fetch', state: 'ok' }))
  expect(await call('POST', `/servers/${serial}/power`, { power: 'off' })).toMatchObject({ status: 200 })
  expect(await call('GET', `/servers/${serial}/power`)).toMatchObject({ body: { serial, power: 'off' } })
  expect(await call('POST', `/servers/${serial}/power`, { power: 'maybe' })).toMatchObject({ status: 400 })

  const { body: job } = await call<JobView>('POST', '/jobs', { server_serial: serial, recipe: RECIPE })
  const busy = { status: 409, body: { code: 'job-active' } }
  expect(await call('POST', `/servers/${serial}/doctor`)).toMatchObject(busy)
  expect(await call('POST', `/servers/${serial}/power`, { power: 'off' })).toMatchObject(busy)
  expect(await call('POST', `/jobs/${job.job_id}/cancel`)).toMatchObject({ status: 202 })
})

test('a simulation that there is not is refused, with those there are', async () => {
  const bmc = { bmc_url: 'simulate:idrac99', bmc_username: 'x', bmc_password: 'x' }
  const { status, body } = await call<{ detail: string }>('POST', '/servers', { serial: 'SN-X', ...bmc })
  expect(status).toBe(400)
  expect(body.detail).toMatch(/"idrac99" is none of idrac8, idrac9-5/)
})
