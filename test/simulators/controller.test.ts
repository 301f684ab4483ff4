import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DiagnosisView, JobView } from '../../src/server/routes/views.ts'
import { PROFILES } from '../../src/simulators/profiles.ts'
import { addServer, completeJob } from '../server/support/api-call.ts'
import { LINUX_RECIPE } from '../server/support/recipe.ts'
import type { RunningController } from '../server/support/running-controller.ts'
import { startController } from '../server/support/running-controller.ts'

/** Some seconds of CPU; the machine may have other things to do. */
const LONG = { timeout: 240_000 }

let controller: RunningController

beforeAll(async () => {
  controller = await startController()
})

afterAll(() => controller.close())

async function call<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<{ status: number; body: T }> {
  const answer = await controller.call(method, `/api/v1${path}`, body)
  return { status: answer.status, body: (await answer.json()) as T }
}

const register = (what: string) => addServer(controller.call, `SN-${what.replaceAll('+', '.')}`, `simulate:${what}`)

async function startJob(what: string): Promise<string> {
  const { body } = await call<JobView>('POST', '/jobs', { server_serial: await register(what), recipe: LINUX_RECIPE })
  return body.job_id
}

const GOOD = PROFILES.map(({ name }) => name).filter((name) => name !== 'supermicro-x10')

test(
  'the same job runs green on every simulated BMC, from the API to the report of the maintenance OS',
  LONG,
  async () => {
    const ids = await Promise.all(GOOD.map((name) => startJob(`${name}+quick`)))
    const jobs = await Promise.all(ids.map((id) => completeJob(controller.call, id)))
    const outcomes = jobs.map(({ outcome, failed_step: step, message }) => [outcome, step, message])
    expect(Object.fromEntries(GOOD.map((name, index) => [name, outcomes[index]]))).toEqual(
      Object.fromEntries(GOOD.map((name) => [name, ['success', null, null]])),
    )
    for (const job of jobs) {
      const phases = job.events?.filter(({ type }) => type === 'phase').map(({ message }) => message)
      // Those that can be told whom to trust have verified the certificate of their media.
      expect(job.events).not.toContainEqual(
        expect.objectContaining({ message: expect.stringContaining('does not verify') }),
      )
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
  const job = await completeJob(controller.call, await startJob(`${what}+quick`))
  expect(job).toMatchObject({ outcome: 'failed', failed_step: step, message: expect.stringMatching(message) })
})

test('the doctor sees its medium fetched, power is switched by hand, and neither while a job runs', LONG, async () => {
  const serial = await register('idrac9+silent+quick')
  const { body } = await call<DiagnosisView>('POST', `/servers/${serial}/doctor`)
  expect(body).toMatchObject({ serial, healthy: true })
  expect(body.findings).toContainEqual(expect.objectContaining({ check: 'fetch', state: 'ok' }))
  expect(await call('POST', `/servers/${serial}/power`, { power: 'off' })).toMatchObject({ status: 200 })
  expect(await call('GET', `/servers/${serial}/power`)).toMatchObject({ body: { serial, power: 'off' } })
  expect(await call('POST', `/servers/${serial}/power`, { power: 'maybe' })).toMatchObject({ status: 400 })

  const { body: job } = await call<JobView>('POST', '/jobs', { server_serial: serial, recipe: LINUX_RECIPE })
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
