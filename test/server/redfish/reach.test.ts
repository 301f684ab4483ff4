import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { openReach } from '../../../src/server/redfish/reach.ts'
import { createTransport } from '../../../src/server/redfish/transport.ts'
import { never } from './connected.ts'

const strict = openReach({ allowLoopback: false })
const lab = openReach({ allowLoopback: true })
const REFUSED = expect.objectContaining({ code: 'bmc-address' })

test.for([
  'http://127.0.0.1',
  'https://127.255.255.254:8443',
  'http://0x7f.1',
  'http://2130706433',
  'http://017700000001',
  'http://[::1]',
  'http://[::ffff:127.0.0.1]',
])('%s is this host: only a lab may have a BMC there', (url) => {
  expect(() => strict.check(url)).toThrow(REFUSED)
  expect(() => lab.check(url)).not.toThrow()
})

test.for([
  'http://0.0.0.0',
  'http://0.1.2.3',
  'http://169.254.169.254',
  'http://[::ffff:169.254.169.254]',
  'http://[::ffff:a9fe:a9fe]',
  'http://[::a9fe:a9fe]',
  'http://[fe80::1]',
  'http://[::]',
  'http://224.0.0.1',
  'http://255.255.255.255',
  'http://[ff02::1]',
  'http://168.63.129.16',
  'http://[fd00:ec2::254]',
])('%s is refused always', (url) => {
  expect(() => strict.check(url)).toThrow(REFUSED)
  expect(() => lab.check(url)).toThrow(REFUSED)
})

test.for(['https://10.0.0.7', 'https://172.16.0.7', 'http://192.168.1.7', 'https://[fd12::7]', 'https://bmc.example'])(
  '%s may be a BMC',
  (url) => {
    expect(() => strict.check(url)).not.toThrow()
  },
)

/** A service of this host that must not be reached; counts who came. */
async function service(location?: string) {
  let requests = 0
  const server = createServer((_, response) => {
    requests += 1
    response.writeHead(location === undefined ? 200 : 302, location === undefined ? {} : { location })
    response.end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { port: (server.address() as AddressInfo).port, requests: () => requests }
}

const GET = { method: 'GET', path: '/redfish/v1/', headers: {}, body: undefined, timeoutMs: 5000 }

test('a name is judged by what it resolves to, at each connection', async () => {
  const { port, requests } = await service()
  const origin = new URL(`http://localhost:${port}`)
  expect(() => strict.check(origin.href)).not.toThrow()
  await expect(createTransport(origin, false, strict)(GET, never)).rejects.toThrow(REFUSED)
  await expect(createTransport(new URL(`http://127.0.0.1:${port}`), false, strict)(GET, never)).rejects.toThrow(REFUSED)
  expect(requests()).toBe(0)
  expect((await createTransport(origin, false, lab)(GET, never)).status).toBe(200)
})

test('a redirect of a BMC is an answer, and nobody goes there', async () => {
  const elsewhere = await service()
  const bmc = await service(`http://127.0.0.1:${elsewhere.port}/secret`)
  const answer = await createTransport(new URL(`http://127.0.0.1:${bmc.port}`), false, lab)(GET, never)
  expect([answer.status, elsewhere.requests()]).toEqual([302, 0])
})
