import { afterAll, beforeAll, expect, test } from 'vitest'
import { ENDPOINTS } from '../../src/server/routes/endpoints.ts'
import type { Target } from './target.ts'
import { startTarget } from './target.ts'

type Caller = 'nobody' | 'reader' | 'operator' | 'admin'

/** Who may call what, written by hand: an endpoint without a row here fails, and so does one that lets others in. */
const LOWEST: Readonly<Record<string, Caller | 'job'>> = {
  createJob: 'operator',
  listJobs: 'reader',
  getJob: 'reader',
  listEvents: 'reader',
  followEvents: 'reader',
  getLogs: 'reader',
  cancelJob: 'operator',
  retryJob: 'operator',
  reportOutcome: 'job',
  reportProgress: 'job',
  sendLogs: 'job',
  createServer: 'operator',
  listServers: 'reader',
  getServer: 'reader',
  changeServer: 'operator',
  deleteServer: 'operator',
  diagnoseServer: 'operator',
  getPower: 'reader',
  setPower: 'operator',
  getTestMedium: 'nobody',
  getMedium: 'nobody',
  getMaintenanceImage: 'nobody',
  validateRecipe: 'reader',
  getHealth: 'nobody',
  getDashboard: 'nobody',
  getDashboardFile: 'nobody',
  getReadiness: 'nobody',
  getMetrics: 'reader',
  whoAmI: 'reader',
  changeOwnPassword: 'reader',
  createUser: 'admin',
  listUsers: 'admin',
  getUser: 'admin',
  changeUser: 'admin',
  deleteUser: 'admin',
  createToken: 'reader',
  listTokens: 'reader',
  revokeToken: 'reader',
  listAudit: 'admin',
  getCa: 'nobody',
  getOpenApi: 'nobody',
}

const CALLERS: readonly Caller[] = ['nobody', 'reader', 'operator', 'admin']

let target: Target
const headers: Record<Caller, Record<string, string>> = { nobody: {}, reader: {}, operator: {}, admin: {} }

beforeAll(async () => {
  target = await startTarget()
  headers.nobody = { authorization: '' }
  for (const role of ['reader', 'operator', 'admin'] as const)
    headers[role] = { authorization: `Bearer ${await target.tokenOf(role)}` }
}, 60_000)
afterAll(() => target.close(), 60_000)

test('every endpoint has its row, and no row is of nothing', () => {
  expect(Object.keys(LOWEST).sort()).toEqual(Object.keys(ENDPOINTS).sort())
})

test.for(Object.entries(ENDPOINTS))(
  '%s lets in whom its row says, and nobody else',
  async ([name, { method, path }]) => {
    const lowest = LOWEST[name] ?? 'admin'
    for (const caller of CALLERS) {
      const { status } = await target.call(method, path.replace(/\{[a-z_]+\}/g, 'none'), undefined, headers[caller])
      const where = `${name} by ${caller}: ${status}`
      if (lowest === 'job') expect([401, 404], where).toContain(status)
      else if (CALLERS.indexOf(caller) >= CALLERS.indexOf(lowest)) expect([401, 403], where).not.toContain(status)
      else expect(status, where).toBe(caller === 'nobody' ? 401 : 403)
    }
  },
)

test('nobody gets more by making a token', async () => {
  const make = async (caller: Caller, body: object) =>
    (await target.call('POST', '/api/v1/tokens', { name: 'x', ...body }, headers[caller])).status
  for (const caller of ['reader', 'operator'] as const) {
    expect(await make(caller, { role: 'admin' })).toBe(403)
    expect(await make(caller, { role: 'admin', owner: null })).toBe(403)
    expect(await make(caller, { role: 'reader', owner: null })).toBe(403)
  }
})

test("a user makes tokens up to their own role, sees and ends their own, and nothing of others'", {
  timeout: 60_000,
}, async () => {
  const password = 'correct horse battery'
  for (const name of ['ann', 'bob']) {
    const user = { name, role: 'operator', password }
    expect((await target.call('POST', '/api/v1/users', user, headers.admin)).status).toBe(201)
  }
  const basic = (name: string) => ({ authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` })
  const make = (body: object) => target.call('POST', '/api/v1/tokens', { name: 'x', ...body }, basic('ann'))
  expect((await make({ role: 'admin' })).status).toBe(403)
  expect((await make({ role: 'reader', owner: 'bob' })).status).toBe(403)
  const { id, token } = (await (await make({ role: 'reader' })).json()) as { id: string; token: string }
  const byReader = { authorization: `Bearer ${token}` }
  expect((await target.call('POST', '/api/v1/tokens', { name: 'y', role: 'operator' }, byReader)).status).toBe(403)
  const seen = (await (await target.call('GET', '/api/v1/tokens', undefined, basic('bob'))).json()) as { tokens: [] }
  expect(seen.tokens).toEqual([])
  expect((await target.call('DELETE', `/api/v1/tokens/${id}`, undefined, basic('bob'))).status).toBe(404)
  expect((await target.call('DELETE', `/api/v1/tokens/${id}`, undefined, basic('ann'))).status).toBe(204)
  expect((await target.call('GET', '/api/v1/whoami', undefined, byReader)).status).toBe(401)
  expect((await target.call('PATCH', '/api/v1/users/ann', { role: 'admin' }, basic('ann'))).status).toBe(403)
})
