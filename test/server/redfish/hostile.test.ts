import type { RequestListener } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { bmcConnector } from '../../../src/server/redfish/bmc.ts'
import { isAppError } from '../../../src/shared/errors.ts'
import { FAST, MEDIA, never } from './connected.ts'

/** Hostile, broken or another thing altogether: what comes back is an error that can be read, soon. */
const IMPATIENT = { ...FAST, requestMs: 300, actionMs: 300, taskMs: 100, powerMs: 50 }

const ROOT = { Systems: { '@odata.id': '/s' }, Managers: { '@odata.id': '/m' } }
const LONG = 'x'.repeat(300_000)

/** A BMC of one page for every path. */
const pages =
  (of: (path: string) => unknown): RequestListener =>
  (request, response) => {
    const body = of((request.url ?? '').replace(/\/$/, ''))
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
  }

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Everything a job does to a BMC, until it refuses. */
async function wholeJob(url: string): Promise<unknown> {
  const address = { url, username: 'u', password: 'pa55-w0rd', verifyTls: false }
  try {
    const bmc = await bmcConnector(IMPATIENT)(address, never)
    await bmc.facts(never)
    await bmc.insertMedia({ ...MEDIA, combined: MEDIA.maintenance }, () => undefined, never)
    await bmc.bootOnceFromCd(never)
    await bmc.powerOff(never)
    await bmc.powerOn(never)
    return undefined
  } catch (error) {
    return error
  }
}

const system = (change: object) => ({ '@odata.id': '/s/1', SerialNumber: 'SN1', PowerState: 'On', ...change })
const slot = (change: object) => ({
  Id: 'CD1',
  MediaTypes: ['CD'],
  Inserted: false,
  Actions: { '#VirtualMedia.InsertMedia': { target: '/act' } },
  ...change,
})
const links = (...paths: string[]) => ({ Members: paths.map((path) => ({ '@odata.id': path })) })

test.for<[string, RequestListener, RegExp]>([
  [
    'a body without end',
    (_, response) => {
      const chunk = Buffer.alloc(65_536, ' ')
      const more = () => {
        while (response.write(chunk) && !response.destroyed);
      }
      response.on('drain', more)
      more()
    },
    /larger than|no answer within/,
  ],
  [
    'a body of one byte in ten milliseconds',
    (_, response) => {
      const timer = setInterval(() => response.write(' '), 10)
      response.on('close', () => clearInterval(timer))
    },
    /no answer within 0.3 s/,
  ],
  [
    '10 MB of JSON',
    pages(() => ({ ...ROOT, text: 'x'.repeat(10_000_000) })),
    /larger than 4194304 bytes|no answer within/,
  ],
  [
    'a million levels',
    (_, response) => response.end(`${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`),
    /it is no JSON/,
  ],
  ['arrays where objects should be', pages(() => [[[]]]), /lists none/],
  ['null', pages(() => null), /lists none/],
  ['texts where links should be', pages(() => ({ Systems: 'x', Managers: 7, Links: [] })), /lists none/],
  ['a collection that is its own member', pages(() => ({ ...ROOT, ...links('/s', '/s') })), /Cannot/],
  [
    'ten thousand members',
    pages(() => ({ ...ROOT, ...links(...Array.from({ length: 10_000 }, () => '/s')) })),
    /Cannot/,
  ],
  [
    'links in a circle',
    pages((path) =>
      path === '/s'
        ? links('/s/1')
        : {
            ...ROOT,
            ...system({ VirtualMedia: { '@odata.id': '/s' } }),
            Links: { ManagedBy: [{ '@odata.id': '/s/1' }] },
          },
    ),
    /Cannot find a virtual CD/,
  ],
  [
    'names of 300 KB',
    pages((path) => {
      if (path === '/s') return links('/s/1')
      if (path === '/vm') return links('/vm/1')
      if (path === '/vm/1') return slot({ Id: LONG, Image: LONG, Inserted: true })
      return { ...ROOT, Vendor: LONG, ...system({ Model: LONG, VirtualMedia: { '@odata.id': '/vm' } }) }
    }),
    /Cannot/,
  ],
  ['401 for ever', (_, response) => response.writeHead(401).end('{}'), /HTTP 401|refuses the user name/],
  ['503 for ever', (_, response) => response.writeHead(503, { 'Retry-After': '99999' }).end(), /HTTP 503/],
  [
    'headers without end',
    (_, response) => response.writeHead(200, { 'X-Long': 'x'.repeat(100_000) }).end('{}'),
    /connection failed/,
  ],
  ['a connection that is cut', (request) => request.socket.destroy(), /connection failed/],
  [
    'half an answer',
    (_, response) => response.writeHead(200, { 'Content-Length': '999' }).write('{', () => response.destroy()),
    /connection failed/,
  ],
])('%s', async ([, listener, words]) => {
  const begun = performance.now()
  const error = await wholeJob(await serve(listener))
  expect(isAppError(error), String(error)).toBe(true)
  expect(String(error)).toMatch(words)
  expect(String(error).length).toBeLessThan(10_000)
  expect(performance.now() - begun).toBeLessThan(15_000)
})

test('a redirect is not followed: the password stays with the BMC that it is for', async () => {
  const seen: string[] = []
  const elsewhere = await serve((request, response) => {
    seen.push(request.url ?? '')
    response.end('{}')
  })
  const url = await serve((_, response) => response.writeHead(307, { Location: `${elsewhere}/redfish/v1/` }).end())
  expect(String(await wholeJob(url))).toContain('HTTP 307')
  expect(seen).toEqual([])
})

test('a task that is always new and never ends is given up', async () => {
  const url = await serve((request, response) => {
    const body = ((): unknown => {
      switch ((request.url ?? '').replace(/\/$/, '')) {
        case '/s':
          return links('/s/1')
        case '/vm':
          return links('/vm/1')
        case '/vm/1':
          return slot({})
        case '/act':
        case '/task':
          return { '@odata.id': '/task', TaskState: 'New' }
        default:
          return { ...ROOT, ...system({ VirtualMedia: { '@odata.id': '/vm' } }) }
      }
    })()
    const status = request.url === '/act' ? 202 : 200
    response.writeHead(status, { Location: '/task' }).end(JSON.stringify(body))
  })
  expect(String(await wholeJob(url))).toMatch(/504: the task is still New/)
})
