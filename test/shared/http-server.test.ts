import { once } from 'node:events'
import { get } from 'node:https'
import { expect, onTestFinished, test } from 'vitest'
import type { ServerSettings } from '../../src/shared/http-server.ts'
import { startServer } from '../../src/shared/http-server.ts'
import { createLogger } from '../../src/shared/log.ts'
import { systemClock } from '../../src/shared/time.ts'
import { loadOrCreateTls } from '../../src/shared/tls.ts'
import { temporaryDirectory } from '../registry/support/open-registry.ts'

async function start(settings: Partial<ServerSettings> = {}) {
  const server = await startServer({
    fetch: (request) => new Response(`${request.url} ${request.headers.get('x-long')?.length ?? 0}`),
    listen: { host: '127.0.0.1', port: 0 },
    log: createLogger('silent'),
    ...settings,
  })
  onTestFinished(() => server.close())
  return server
}

test('100 KB of headers are read: podman asks for a thousand ranges at once', async () => {
  const { port } = await start()
  const response = await fetch(`http://127.0.0.1:${port}/x`, { headers: { 'x-long': 'x'.repeat(100_000) } })
  expect(await response.text()).toBe(`http://127.0.0.1:${port}/x 100000`)
})

test('with a key and a certificate it speaks TLS, and says that it always will', async () => {
  const tls = await loadOrCreateTls(await temporaryDirectory(), ['127.0.0.1'], systemClock)
  const { port } = await start({ tls })
  const [response] = await once(get(`https://127.0.0.1:${port}/`, { ca: tls.ca, agent: false }), 'response')
  expect(Buffer.concat(await Array.fromAsync(response)).toString()).toContain(`https://127.0.0.1:${port}/`)
  expect(response.headers['strict-transport-security']).toBe('max-age=31536000')
})

test('a port that is taken is said to be', async () => {
  const { port } = await start()
  const again = start({ listen: { host: '127.0.0.1', port } })
  await expect(again).rejects.toMatchObject({
    code: 'config-invalid',
    message: `Cannot listen on 127.0.0.1:${port}`,
  })
})

test('closing waits for the answer in flight', async () => {
  const { promise: gate, resolve: open } = Promise.withResolvers<void>()
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>()
  const server = await start({
    fetch: async () => {
      arrive()
      await gate
      return new Response('done', { headers: { connection: 'close' } })
    },
  })
  const answer = fetch(`http://127.0.0.1:${server.port}/`)
  await arrived
  const closed = server.close()
  open()
  expect(await (await answer).text()).toBe('done')
  await closed
})

test('a handler that thinks longer than the idle limit is left alone', async () => {
  const { port } = await start({
    idleMs: 50,
    fetch: async () => {
      await new Promise((resolve) => setTimeout(resolve, 300))
      return new Response('thought')
    },
  })
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('thought')
})

test('closing ends event streams at once, and does not wait for connections that could be used again', async () => {
  const { promise: gate, resolve: open } = Promise.withResolvers<void>()
  const server = await start({
    async fetch(request) {
      if (request.url.endsWith('/slow')) {
        await gate
        return new Response('done')
      }
      const never = new ReadableStream({ start: (stream) => stream.enqueue(Buffer.from('data: 1\n\n')) })
      return new Response(never, { headers: { 'content-type': 'text/event-stream' } })
    },
  })
  const slow = fetch(`http://127.0.0.1:${server.port}/slow`)
  const stream = await fetch(`http://127.0.0.1:${server.port}/stream`)
  const reading = Array.fromAsync(stream.body ?? [])
  const begun = performance.now()
  const closed = server.close()
  await expect(reading).rejects.toThrow()
  open()
  expect(await (await slow).text()).toBe('done')
  await closed
  expect(performance.now() - begun).toBeLessThan(5_000)
})
