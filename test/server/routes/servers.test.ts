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

test('a change is made to the server that was read, and not over the change of somebody else', async () => {
  await addServer(api.call)
  const path = '/api/v1/servers/SN1'
  const etag = (await api.call('GET', path)).headers.get('etag') ?? ''
  const first = await api.call('PATCH', path, { vendor: 'dell' }, { 'if-match': etag })
  expect([first.status, await first.json()]).toMatchObject([200, { vendor: 'dell', bmc: { username: 'root' } }])
  const second = await api.call('PATCH', path, { vendor: 'hpe' }, { 'if-match': etag })
  expect([second.status, await second.json()]).toMatchObject([412, { code: 'server-changed' }])
  const now = first.headers.get('etag') ?? ''
  expect((await api.call('GET', path)).headers.get('etag')).toBe(now)
  expect((await api.call('PATCH', path, { vendor: null }, { 'if-match': now })).status).toBe(200)
  expect(await (await api.call('GET', path)).json()).toMatchObject({ vendor: null })
})

test('a stored password never goes to another address', async () => {
  await addServer(api.call)
  const moved = { bmc_url: 'https://192.0.2.66' }
  const refused = await api.call('PATCH', '/api/v1/servers/SN1', moved)
  expect([refused.status, await refused.json()]).toMatchObject([400, { details: [{ path: '/bmc_password' }] }])
  expect((await api.call('PATCH', '/api/v1/servers/SN1', { bmc_url: 'https://192.0.2.7/' })).status).toBe(200)
  expect((await api.call('PATCH', '/api/v1/servers/SN1', { ...moved, bmc_password: 'other' })).status).toBe(200)
})

test.for<[object, number]>([
  [{}, 400],
  [{ serial: 'SN2' }, 400],
  [{ bmc_url: 'simulate:nothing', bmc_password: 'x' }, 400],
])('the change %j is answered with %i', async ([change, status]) => {
  await addServer(api.call)
  expect((await api.call('PATCH', '/api/v1/servers/SN1', change)).status).toBe(status)
})

test('a server is not changed under its job', async () => {
  await addServer(api.call)
  await addJob(api.call)
  expect((await api.call('PATCH', '/api/v1/servers/SN1', { vendor: 'dell' })).status).toBe(409)
})

test('servers come in pages, and a search finds them by serial number or address', async () => {
  for (let n = 1; n <= 5; n++) await addServer(api.call, `SN${n}`, `https://192.0.2.${n}`)
  const seen: string[] = []
  let next: string | null = ''
  for (let pages = 0; next !== null; pages++) {
    expect(pages).toBeLessThan(3)
    const path: string = `/api/v1/servers?limit=2${next === '' ? '' : `&cursor=${next}`}`
    const page = (await (await api.call('GET', path)).json()) as { servers: { serial: string }[]; next: string | null }
    seen.push(...page.servers.map(({ serial }) => serial))
    next = page.next
  }
  expect(seen).toEqual(['SN1', 'SN2', 'SN3', 'SN4', 'SN5'])
  for (const search of ['sn4', '192.0.2.4']) {
    expect(await (await api.call('GET', `/api/v1/servers?search=${search}`)).json()).toMatchObject({
      servers: [{ serial: 'SN4' }],
      next: null,
    })
  }
  expect((await api.call('GET', '/api/v1/servers?cursor=SN2')).status).toBe(400)
})
