import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent, request } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { createGate } from '../../../src/registry/access/limits.ts'
import { policyOf } from '../../../src/registry/access/open.ts'
import { sha256 } from '../../../src/shared/digest.ts'
import { codes, served, testRegistry } from '../support/open-registry.ts'

const EVERYTHING = "rules: [{ repositories: ['**'], who: [anonymous], allow: [pull, push, delete] }]\n"
/** More than the buffers of a connection hold. */
const LARGE = randomBytes(16 << 20)

async function site(limits: string) {
  const registry = await testRegistry({ policy: policyOf(`${EVERYTHING}limits: ${limits}`) })
  const digest = sha256(LARGE)
  const pushed = await registry.request('POST', `/v2/a/blobs/uploads/?digest=${digest}`, { body: LARGE })
  expect(pushed.status).toBe(201)
  return { registry, digest, ...(await served(registry)) }
}

function send(url: string, method: string, headers: Record<string, string> = {}): ClientRequest {
  const sent = request(url, { method, headers, agent: new Agent() })
  sent.on('error', () => {})
  onTestFinished(() => void sent.destroy())
  return sent
}

async function answerOf(sent: ClientRequest): Promise<IncomingMessage> {
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  return answer
}

test('one download too many is 429 with Retry-After; HEAD and manifests go on; the place is free again afterwards', async () => {
  const { url, digest } = await site('{ downloads: 2 }')
  const path = `${url}/v2/a/blobs/${digest}`
  const slow = [send(path, 'GET').end(), send(path, 'GET').end()]
  // At once: an answer that comes while another is waited for would go unheard.
  for (const answer of await Promise.all(slow.map(answerOf))) expect(answer.statusCode).toBe(200)

  const refused = await fetch(path)
  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  expect(await codes(refused)).toEqual(['TOOMANYREQUESTS'])
  expect((await fetch(path, { method: 'HEAD' })).status).toBe(200)
  expect((await fetch(`${url}/v2/a/manifests/none`)).status).toBe(404)

  slow[0]?.destroy()
  await expect.poll(async () => (await fetch(path, { headers: { range: 'bytes=0-0' } })).status).toBe(206)
})

test('a client has its share, others have theirs', async () => {
  const { url, digest, port } = await site('{ downloads_per_client: 1 }')
  const path = `/v2/a/blobs/${digest}`
  expect((await answerOf(send(`${url}${path}`, 'GET').end())).statusCode).toBe(200)
  expect((await fetch(`${url}${path}`)).status).toBe(429)
  const options = { host: '127.0.0.1', port, path, localAddress: '127.0.0.2', agent: new Agent() }
  const other = request(options).end()
  onTestFinished(() => void other.destroy())
  expect((await answerOf(other)).statusCode).toBe(200)
})

test('the start of an upload is refused at once; bytes wait for their turn and are then taken', async () => {
  const { registry, url } = await site('{ uploads: 1 }')
  const session = async () => {
    const response = await registry.request('POST', '/v2/a/blobs/uploads/')
    return `${url}${response.headers.get('location')}`
  }
  const [first, second] = [await session(), await session()]
  const slow = send(first, 'PATCH', { 'content-length': '4' })
  slow.write('ab')
  // The first byte has arrived when a new session is refused.
  await expect.poll(async () => (await fetch(`${url}/v2/a/blobs/uploads/`, { method: 'POST' })).status).toBe(429)

  const waiting = fetch(second, { method: 'PATCH', body: 'later' })
  slow.end('cd')
  expect((await answerOf(slow)).statusCode).toBe(202)
  expect((await waiting).status).toBe(202)
  expect((await fetch(`${url}/v2/a/blobs/uploads/`, { method: 'POST' })).status).toBe(202)
})

test('without limits in the policy nothing is refused', async () => {
  const { url, digest } = await site('{}')
  const many = Array.from({ length: 20 }, () => answerOf(send(`${url}/v2/a/blobs/${digest}`, 'GET').end()))
  for (const answer of await Promise.all(many)) expect(answer.statusCode).toBe(200)
})

test('a gate lets in as many as it may, in order, and one client cannot hold up another', async () => {
  const gate = createGate(() => ({ total: 2, perClient: 1 }))
  const never = new AbortController().signal
  const leaveA = await gate.enter('a', never)
  const order: string[] = []
  const enter = (client: string) =>
    gate.enter(client, never).then((leave) => {
      order.push(client)
      return leave
    })
  const againA = enter('a')
  const leaveB = await enter('b')
  const c = enter('c')
  expect(gate.hasRoom('d')).toBe(false)
  leaveB()
  leaveB()
  const leaveC = await c
  expect(order).toEqual(['b', 'c'])
  leaveA()
  const last = await againA
  expect(order).toEqual(['b', 'c', 'a'])
  leaveC()
  last()
  expect(gate.hasRoom('d')).toBe(true)
})

test('who waits for too long is refused, and leaves no place taken', async () => {
  const gate = createGate(() => ({ total: 1, perClient: undefined }))
  const leave = await gate.enter('a', new AbortController().signal)
  const impatient = new AbortController()
  const refused = gate.enter('b', impatient.signal)
  impatient.abort()
  await expect(refused).rejects.toMatchObject({ code: 'TOOMANYREQUESTS' })
  await expect(gate.enter('c', AbortSignal.abort())).rejects.toMatchObject({ code: 'TOOMANYREQUESTS' })
  leave()
  expect(gate.tryEnter('b')).toBeDefined()
})
