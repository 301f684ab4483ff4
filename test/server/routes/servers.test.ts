import { beforeEach, expect, test } from 'vitest'
import { addJob, addServer } from '../support/api-call.ts'
import type { Api } from '../support/api-in-process.ts'
import { openApi } from '../support/api-in-process.ts'
import { LINUX_RECIPE } from '../support/recipe.ts'

let api: Api

beforeEach(async () => {
  api = await openApi()
  return api.close
})

test('a BMC password goes in and never comes out', async () => {
  await addServer(api.call)
  for (const path of ['/api/v1/servers', '/api/v1/servers/SN1']) {
    const text = await (await api.call('GET', path)).text()
    expect(text).toContain('192.0.2.7')
    expect(text).not.toContain('hunter2')
  }
})

test.for<[string, object]>([
  ['/bmc_url', { bmc_url: 'https://192.0.2.7:99999' }],
  ['/bmc_url', { bmc_url: 'https://[::1' }],
  ['/bmc_url', { bmc_url: 'https://root:secret@192.0.2.7' }],
  [
    '/network/addresses/0',
    { network: { mac: '52:54:00:00:00:01', addresses: ['192.0.2.300/24'], gateway: null, dns: [] } },
  ],
  [
    '/network/addresses/0',
    { network: { mac: '52:54:00:00:00:01', addresses: ['192.0.2.3/64'], gateway: null, dns: [] } },
  ],
  [
    '/network/gateway',
    { network: { mac: '52:54:00:00:00:01', addresses: ['192.0.2.3/24'], gateway: '....', dns: [] } },
  ],
])('a server with a mistake in %s is refused when it is added, not when it boots', async ([path, mistake]) => {
  const server = { serial: 'SN1', bmc_url: 'https://192.0.2.7', bmc_username: 'root', bmc_password: 'hunter2' }
  const answer = await api.call('POST', '/api/v1/servers', { ...server, ...mistake })
  expect([answer.status, await answer.json()]).toMatchObject([400, { details: [{ path }] }])
})

test('no job begins on a server while it is switched by hand, and nothing is switched under a job', async () => {
  await addServer(api.call)
  const { promise, resolve } = Promise.withResolvers<void>()
  api.switching = promise
  const order = api.call('POST', '/api/v1/servers/SN1/power', { power: 'off' })
  await expect.poll(async () => (await api.call('POST', '/api/v1/servers/SN1/doctor')).status).toBe(409)
  const create = () => api.call('POST', '/api/v1/jobs', { server_serial: 'SN1', recipe: LINUX_RECIPE })
  expect((await create()).status).toBe(409)
  resolve()
  expect((await order).status).toBe(200)
  expect((await create()).status).toBe(202)
  expect((await api.call('POST', '/api/v1/servers/SN1/power', { power: 'off' })).status).toBe(409)
})

test('a server with an active job cannot be removed', async () => {
  await addServer(api.call)
  await addJob(api.call)
  expect((await api.call('DELETE', '/api/v1/servers/SN1')).status).toBe(409)
})
