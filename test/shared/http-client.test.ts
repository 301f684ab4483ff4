import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openConnections, readBody, sendRequest, type Trust } from '../../src/shared/http-client.ts'
import { systemClock } from '../../src/shared/time.ts'
import { loadOrCreateTls } from '../../src/shared/tls.ts'

const never = new AbortController().signal

let directory = ''
let url = new URL('https://127.0.0.1')
let own = ''
let foreign = ''
let handshakes = 0
const server = createServer((_, response) => response.end('hello'))
server.on('secureConnection', () => handshakes++)

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'http-client-'))
  const tls = await loadOrCreateTls(join(directory, 'a'), ['127.0.0.1'], systemClock)
  own = tls.ca
  foreign = (await loadOrCreateTls(join(directory, 'b'), ['127.0.0.1'], systemClock)).ca
  server.setSecureContext(tls)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}/`)
})
afterAll(async () => {
  server.close()
  await rm(directory, { recursive: true, force: true })
})

async function hello(trust: Trust, connections = openConnections(trust)): Promise<string> {
  const answer = await sendRequest({ url, connections }, never)
  return (await readBody(answer, 100)).toString()
}

test('a certificate is accepted of the one CA that is named, alone or beside the known ones, and of no other', async () => {
  expect(await hello({ only: own })).toBe('hello')
  expect(await hello({ beside: own })).toBe('hello')
  for (const trust of [{ only: foreign }, { beside: foreign }, {}])
    await expect(hello(trust)).rejects.toThrow(/certificate/)
  const answer = await sendRequest({ url, trust: { only: own } }, never)
  expect((await readBody(answer, 100)).toString()).toBe('hello')
})

test('kept connections greet once for many requests', async () => {
  const connections = openConnections({ only: own })
  handshakes = 0
  for (let times = 0; times < 3; times++) await hello({}, connections)
  expect(handshakes).toBe(1)
  connections.close()
})
