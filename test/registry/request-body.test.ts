import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createServer, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { nodeExchange } from '../../src/registry/exchange.ts'
import { type RequestBody, readBounded, requestBody } from '../../src/registry/request-body.ts'

/** A server whose only answer is what `handle` makes of the body; gives its port. */
async function serving(handle: (body: RequestBody, incoming: IncomingMessage) => Promise<string>): Promise<number> {
  const server = createServer(async (incoming, outgoing) => {
    const body = requestBody(nodeExchange(incoming, outgoing, { received: 0, sent: 0 }))
    outgoing.end(await handle(body, incoming).catch((error) => `${error.code}`))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function put(port: number, body: Uint8Array): Promise<string> {
  const call = request({ port, host: '127.0.0.1', method: 'PUT' }).end(body)
  const [response] = (await once(call, 'response')) as [IncomingMessage]
  return (await response.setEncoding('utf8').toArray()).join('')
}

test('a body read slower than it comes is whole, though the memory of each chunk is used again', async () => {
  const sent = randomBytes(3 << 20)
  const port = await serving(async ({ chunks }) => {
    const parts: Buffer[] = []
    for await (const chunk of chunks) {
      if (parts.length % 8 === 0) await delay(1)
      parts.push(Buffer.from(chunk))
    }
    return String(Buffer.concat(parts).equals(sent))
  })
  expect(await put(port, sent)).toBe('true')
})

test('a bounded body keeps its bytes', async () => {
  const sent = randomBytes(300_000)
  const port = await serving(async (body) => String(sent.equals(await readBounded(body, 1 << 20))))
  expect(await put(port, sent)).toBe('true')
})

test('an answer before the end of the body reaches the client', async () => {
  const port = await serving(async ({ chunks }, incoming) => {
    for await (const _ of chunks) break
    incoming.resume()
    return 'enough'
  })
  expect(await put(port, randomBytes(3 << 20))).toBe('enough')
})

test.for(['before its body is read', 'in the middle of its body'])(
  'a client that goes away %s is noticed',
  async (when) => {
    const { promise: outcome, resolve } = Promise.withResolvers<unknown>()
    const port = await serving(async ({ chunks }, incoming) => {
      try {
        if (when === 'before its body is read') await new Promise((closed) => incoming.once('close', closed))
        for await (const _ of chunks);
        resolve('ended')
      } catch (error) {
        resolve(error)
      }
      return ''
    })
    const call = request({ port, host: '127.0.0.1', method: 'PUT', headers: { 'content-length': '1000000' } })
    call.on('error', () => {})
    call.write(randomBytes(1000), () => call.destroy())
    expect(await outcome).toMatchObject({ code: 'BLOB_UPLOAD_INVALID' })
  },
)
