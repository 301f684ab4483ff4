import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { deflateSync, gzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { answerText } from '../../../src/server/redfish/answer.ts'
import { createClient } from '../../../src/server/redfish/client.ts'
import { systemClock } from '../../../src/shared/time.ts'
import { loadOrCreateTls } from '../../../src/shared/tls.ts'
import { refusal } from '../../lab/bmc/state.ts'
import { scratch } from '../../support/scratch.ts'
import { connected, FAST, MEDIA, never } from './connected.ts'

const LOGIN = { username: 'admin', password: 'pa55-w0rd', verifyTls: false }

/** A client of a BMC that answers whatever the test wants. */
async function rawBmc(listener: RequestListener, timing = FAST) {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return createClient({ ...LOGIN, url }, timing)
}

const ROOT_ONLY: RequestListener = (request, response) => {
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(request.url === '/redfish/v1/' ? '{}' : 'null')
}

test.for(['http://192.0.2.66/redfish/v1/x', '//192.0.2.66/x', '\\\\192.0.2.66\\x', 'file:///etc/passwd', '/a\r\nb'])(
  'a link to another place is not followed: %j',
  async (link) => {
    const seen: string[] = []
    const client = await rawBmc((request, response) => {
      seen.push(request.url ?? '')
      ROOT_ONLY(request, response)
    })
    await expect(client.get(link, never)).rejects.toMatchObject({ code: 'redfish-answer' })
    expect(seen.filter((path) => path !== '/redfish/v1/')).toEqual([])
  },
)

test('a weak ETag refused by 412 is sent as a strong one, then left out', async () => {
  const sent: (string | undefined)[] = []
  const { bmc } = await connected({
    intercept: ({ method, headers }) => {
      if (method !== 'PATCH') return undefined
      sent.push(headers['if-match'])
      return sent.length < 3 ? refusal(412, 'PreconditionFailed', 'No.') : undefined
    },
  })
  await expect(bmc.bootOnceFromCd(never)).resolves.toBeUndefined()
  expect(sent).toEqual(['W/"1"', '"1"', undefined])
})

test('actions carry no If-Match, and every request the Redfish headers', async () => {
  const { bmc, running } = await connected()
  await bmc.insertMedia(MEDIA, () => undefined, never)
  for (const { method, headers } of running.log.requests) {
    expect(headers).toMatchObject({ 'odata-version': '4.0', 'accept-encoding': 'identity', connection: 'close' })
    if (method === 'POST') expect(headers).not.toHaveProperty('if-match')
  }
})

test('a BMC that says 406 is asked again without the header', async () => {
  let asked = 0
  const { bmc } = await connected({
    intercept: ({ headers }) => {
      asked++
      return headers['accept-encoding'] === 'identity' ? { status: 406 } : undefined
    },
  })
  expect(await bmc.power(never)).toBe('off')
  expect(asked).toBeGreaterThan(2)
})

test.for([
  ['gzip', gzipSync],
  ['deflate', deflateSync],
] as const)('an answer in %s is read, and one that grows too large is not', async ([coding, compress]) => {
  const serve = (text: string) =>
    rawBmc((_, response) => void response.writeHead(200, { 'Content-Encoding': coding }).end(compress(text)))
  const small = await serve('{"Name":"Root"}')
  expect((await small.get('/redfish/v1/', never)).body).toEqual({ Name: 'Root' })
  const bomb = await serve(`{"Name":"${'x'.repeat(8 * 1024 * 1024)}"}`)
  await expect(bomb.get('/redfish/v1/', never)).rejects.toThrow('it is compressed and damaged, or too large')
})

test('a session is deleted although the BMC is busy, and one without a token too', async () => {
  let busy = 2
  const { bmc, running } = await connected({
    intercept: ({ method }) => (method === 'DELETE' && busy-- > 0 ? { status: 503 } : undefined),
  })
  expect(running.sessions()).toBe(1)
  await bmc.close()
  expect(running.sessions()).toBe(0)

  const deleted: string[] = []
  const tokenless = await rawBmc((request, response) => {
    if (request.method === 'DELETE') deleted.push(String(request.url))
    const isLogin = request.method === 'POST'
    response.writeHead(isLogin ? 201 : 200, isLogin ? { Location: '/s/7' } : {})
    response.end(JSON.stringify({ Links: { Sessions: { '@odata.id': '/s' } } }))
  })
  await tokenless.get('/redfish/v1/', never)
  await tokenless.close(never)
  expect(deleted).toEqual(['/s/7'])
})

test('HTTPS with a certificate of its own is accepted, or refused when it shall be verified', async () => {
  const { bmc, address } = await connected({ tls: await createTls() })
  expect(await bmc.power(never)).toBe('off')
  const strict = createClient({ ...address, verifyTls: true }, FAST)
  await expect(strict.get('/redfish/v1/', never)).rejects.toMatchObject({
    code: 'redfish-unreachable',
    cause: { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
  })
})

test('a BMC that does not answer is given up after the limit, and at once when the caller stops', async () => {
  const impatient = { ...FAST, requestMs: 30 }
  const silent = await rawBmc(() => undefined, impatient)
  await expect(silent.get('/redfish/v1/', never)).rejects.toMatchObject({
    code: 'redfish-unreachable',
    message: expect.stringMatching(/no answer within 0.03 s$/),
  })
  const patient = await rawBmc(() => undefined)
  const stop = new AbortController()
  const waiting = patient.get('/redfish/v1/', stop.signal)
  stop.abort(new Error('the job was cancelled'))
  await expect(waiting).rejects.toThrow('the job was cancelled')
})

test('nobody there, no JSON and too much JSON are three errors', async () => {
  const closed = createClient({ ...LOGIN, url: 'http://127.0.0.1:1' }, FAST)
  await expect(closed.get('/redfish/v1/', never)).rejects.toMatchObject({
    code: 'redfish-unreachable',
    message: 'Cannot reach the BMC at http://127.0.0.1:1: the connection failed',
  })
  const garbled = await rawBmc((_, response) => response.end('<html>'))
  await expect(garbled.get('/redfish/v1/', never)).rejects.toThrow('it is no JSON')
  const huge = await rawBmc((_, response) => response.end(Buffer.alloc(5 * 1024 * 1024, ' ')))
  await expect(huge.get('/redfish/v1/', never)).rejects.toThrow('it is larger than')
})

test.for([
  ['/tasks/1', 200],
  ['/tasks/JID_1', 404],
] as const)('a task %s that is not there at the first look: status %i', async ([task, status]) => {
  const bmc = await rawBmc((request, response) => {
    if (request.url === task) return void response.writeHead(404).end()
    if (request.url !== '/insert') return void response.end('{}')
    response.writeHead(202, { Location: task }).end()
  })
  expect((await bmc.post('/insert', {}, never)).status).toBe(status)
})

test.for<[string, object, RegExp]>([
  [
    'fails',
    { TaskState: 'Exception', Messages: [{ MessageId: 'X.1.0.RAC0904', Message: 'Not accessible.' }] },
    /500: Not accessible/,
  ],
  ['never ends', { TaskState: 'Running' }, /504: the task is still Running/],
])('a task that %s is a failure of the action', async ([, body, message]) => {
  const client = await rawBmc((request, response) => {
    if (request.method !== 'POST') return void response.end(JSON.stringify(request.url === '/task' ? body : {}))
    // The BMC's own idea of its name in Location.
    response.writeHead(202, { Location: 'http://idrac.local/task' }).end()
  })
  const answer = await client.post('/action', {}, never)
  expect(answerText(answer)).toMatch(message)
})

async function createTls() {
  const directory = scratch()
  const { key, cert } = await loadOrCreateTls(directory, ['127.0.0.1'], systemClock)
  return { key, cert }
}
