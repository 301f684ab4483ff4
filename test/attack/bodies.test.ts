import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Target } from './target.ts'
import { startTarget } from './target.ts'

let target: Target
beforeAll(async () => {
  target = await startTarget()
}, 60_000)
afterAll(() => target.close(), 60_000)

/** The controller must still answer, soon. */
async function alive(): Promise<void> {
  const begun = performance.now()
  expect((await fetch(`${target.url}/healthz`)).status).toBe(200)
  expect(performance.now() - begun).toBeLessThan(3000)
}

const levels = (depth: number, open: string, close: string) => `${open.repeat(depth)}${close.repeat(depth)}`
const ALIASES = [
  'a: &a [x, x, x, x, x, x, x, x, x]',
  ...'bcdefghi'.split('').map((name, i) => `${name}: &${name} [${`*${'abcdefgh'[i]}, `.repeat(9)}x]`),
].join('\n')
const YAML = { 'content-type': 'application/yaml' }

test.for<[string, string, Record<string, string>, number]>([
  ['deep arrays', levels(100_000, '[', ']'), {}, 400],
  ['deep objects', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`, {}, 400],
  ['a deep recipe', `{"server_serial":"SN1","recipe":${levels(50_000, '[', ']')}}`, {}, 400],
  ['a prototype', '{"__proto__":{"role":"admin"},"server_serial":"SN1"}', {}, 400],
  ['a number that is none', '{"server_serial":1e999999}', {}, 400],
  ['half a surrogate', '{"server_serial":"\\ud800","recipe":{}}', {}, 400],
  ['YAML aliases that multiply', ALIASES, YAML, 400],
  ['deep YAML', levels(20_000, '[', ']'), YAML, 400],
  ['YAML that names a type', '!!js/function "x"', YAML, 400],
])('%s: refused, and the controller goes on', async ([, body, headers, status]) => {
  expect((await target.call('POST', '/api/v1/jobs', body, headers)).status).toBe(status)
  await alive()
})

test('a problem document does not grow with the request', async () => {
  const body = Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`field${n}`, n]))
  const answer = await target.call('POST', '/api/v1/servers', body)
  expect(answer.status).toBe(400)
  expect((await answer.text()).length).toBeLessThan(64 << 10)
})

test('logs of a job nobody knows are refused before they are read', async () => {
  const headers = { 'x-webhook-secret': 'guess', authorization: '' }
  const answer = await target.call('POST', '/api/v1/jobs/none/logs', 'x'.repeat(1 << 20), headers)
  expect(answer.status).toBe(404)
})

/** Addresses at which the controller, or its cloud, would be spoken to. */
test.for([
  'http://127.0.0.1:8443',
  'http://0x7f.1',
  'http://[::ffff:127.0.0.1]',
  'http://169.254.169.254',
  'http://[fe80::1]',
  'http://0.0.0.0',
  'http://224.0.0.1',
])('a server whose BMC is at %s is refused', async (url) => {
  const server = { serial: 'SN1', bmc_url: url, bmc_username: 'root', bmc_password: 'hunter2' }
  const answer = await target.call('POST', '/api/v1/servers', server)
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([400, 'bmc-address'])
})

test.for([
  'http://root:pw@192.0.2.7',
  'http://192.0.2.7/admin',
  'file:///etc/passwd',
  'gopher://192.0.2.7',
  'http://a b',
])('a BMC address like %s is no address', async (url) => {
  const server = { serial: 'SN1', bmc_url: url, bmc_username: 'root', bmc_password: 'hunter2' }
  const answer = await target.call('POST', '/api/v1/servers', server)
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([400, 'request-invalid'])
})

test('a BMC by a name that leads to this host is not spoken to', async () => {
  const { port } = new URL(target.url)
  const server = { serial: 'SN2', bmc_url: `http://localhost:${port}`, bmc_username: 'root', bmc_password: 'hunter2' }
  expect((await target.call('POST', '/api/v1/servers', server)).status).toBe(201)
  const power = await target.call('GET', '/api/v1/servers/SN2/power')
  expect([power.status, ((await power.json()) as { code: string }).code]).toEqual([400, 'bmc-address'])
})

test('a body beyond the limit is refused before it was read', async () => {
  // The last one here: its connection is closed under whoever would use it again.
  const answer = await target.call('POST', '/api/v1/jobs', `{"a":"${'a'.repeat(8 << 20)}"}`)
  expect(answer.status).toBe(413)
  expect(await target.raw('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 15_000)).toContain('200 OK')
})
