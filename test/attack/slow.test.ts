import { connect } from 'node:net'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import type { ServerSettings } from '../../src/shared/http-server.ts'
import { startServer } from '../../src/shared/http-server.ts'
import { sleep } from '../../src/shared/time.ts'

async function serve(settings: Partial<ServerSettings>): Promise<number> {
  const server = await startServer({
    fetch: async (request) => new Response(await request.text()),
    listen: { host: '127.0.0.1', port: 0 },
    log: pino({ level: 'silent' }),
    ...settings,
  })
  onTestFinished(server.close)
  return server.port
}

/** Sends pieces, one each `everyMs`, until the other side ends the connection; how many it took. */
function drip(port: number, head: string, piece: string, everyMs: number): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  let sent = 0
  const socket = connect(port, '127.0.0.1', async () => {
    socket.write(head)
    for (; !socket.destroyed && sent < 400; sent++) {
      await sleep(everyMs)
      if (!socket.destroyed) socket.write(piece)
    }
    socket.destroy()
  })
  socket.on('data', () => undefined)
  socket.on('error', () => undefined)
  socket.on('close', () => resolve(sent))
  return promise
}

test('headers that drip are cut off, however regularly they come', async () => {
  const port = await serve({ headersMs: 300 })
  expect(await drip(port, 'GET / HTTP/1.1\r\nHost: x\r\n', 'X-A: b\r\n', 25)).toBeLessThan(400)
})

test('a body that stops is cut off; one that goes on slowly, as a push from far away does, is not', async () => {
  const port = await serve({ idleMs: 1500 })
  const head = (length: number) =>
    `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n`
  const begun = performance.now()
  const [stopped, slow] = await Promise.all([drip(port, head(1000), '', 25), drip(port, head(12), 'x', 200)])
  expect(stopped).toBeLessThan(400)
  expect(slow).toBe(12)
  expect(performance.now() - begun).toBeGreaterThan(1500)
})

test('one address has a share of the connections, and the rest is refused at once', async () => {
  const port = await serve({ connections: { total: 100, perAddress: 5 } })
  const open = Array.from({ length: 20 }, () =>
    connect(port, '127.0.0.1')
      .on('error', () => undefined)
      .resume(),
  )
  await expect.poll(() => open.filter((socket) => !socket.destroyed).length).toBe(5)
  for (const socket of open) socket.destroy()
  await expect.poll(async () => (await fetch(`http://127.0.0.1:${port}`).catch(() => undefined))?.status).toBe(200)
})
