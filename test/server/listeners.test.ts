import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Hono } from 'hono'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import type { ServeConfig } from '../../src/config.ts'
import { ownUrlsOf } from '../../src/server/addresses.ts'
import type { Started } from '../../src/server/compose.ts'
import { runController } from '../../src/server/compose.ts'
import { startListeners } from '../../src/server/listeners.ts'
import { freePort } from './support/running-controller.ts'
import { configOf } from './support/serve-config.ts'

const HOST = '127.0.0.1'
const log = pino({ level: 'silent' })

/** A controller with a second listener; gives the addresses of both. */
async function started(change: Partial<ServeConfig>): Promise<{ readonly main: string; readonly media: string }> {
  const dataDir = mkdtempSync(join(tmpdir(), 'listeners-'))
  const port = await freePort()
  const stop = new AbortController()
  const { promise, resolve, reject } = Promise.withResolvers<Started>()
  const config = configOf({
    dataDir,
    adminTokenFile: join(dataDir, 'token'),
    mediaListen: { host: HOST, port },
    ...change,
  })
  const ended = runController(config, log, resolve, stop.signal)
  ended.catch(reject)
  onTestFinished(async () => {
    stop.abort()
    await ended
    rmSync(dataDir, { recursive: true })
  })
  return { main: (await promise).url, media: `http://${HOST}:${port}` }
}

test('the listener for media serves media and nothing else', async () => {
  const { main, media } = await started({})
  const paths = ['/', '/healthz', '/readyz', '/metrics', '/ca.pem', '/v2/', '/api/v1/jobs', '/api/v1/openapi.json']
  for (const path of [...paths, '/api/static/bootc-maintenance.iso', '/dashboard/app.js', '/media/x/y/../../healthz']) {
    expect((await fetch(media + path)).status, path).toBe(404)
  }
  const posted = { method: 'POST', headers: { authorization: 'Bearer x' }, body: '{}' }
  expect((await fetch(`${media}/api/v1/status-webhook/SN-1`, posted)).status).toBe(404)
  expect((await fetch(`${media}/media/token/task.iso`, posted)).status).toBe(405)
  const gone = await fetch(`${media}/media/token/task.iso`)
  expect(await gone.json()).toMatchObject({ code: 'not-found', detail: expect.stringContaining('its job has ended') })
  expect((await fetch(`${main}/healthz`)).status).toBe(200)
})

test('a port for media that is taken ends the start, and the other port is free again', async () => {
  const [port, taken] = [await freePort(), await freePort()]
  const apps = { app: new Hono(), media: new Hono(), log }
  const at = { host: HOST, listenFd: undefined, mediaListenFd: undefined }
  const other = await startListeners({ ...at, port: taken, mediaListen: undefined }, apps)
  onTestFinished(() => other.close())
  const failed = startListeners({ ...at, port, mediaListen: { host: HOST, port: taken } }, apps)
  await expect(failed).rejects.toThrow(`Cannot listen on ${HOST}:${taken}`)
  const again = await startListeners({ ...at, port, mediaListen: undefined }, apps)
  await again.close()
})

test.for<[string, Partial<ServeConfig>, string | undefined]>([
  ['without it', {}, undefined],
  ['an address of its own', { mediaListen: { host: '192.0.2.9', port: 80 } }, 'http://192.0.2.9:80'],
  ['IPv6', { mediaListen: { host: '2001:db8::9', port: 8080 } }, 'http://[2001:db8::9]:8080'],
  [
    'every address: the name that BMCs are given for HTTPS',
    { mediaListen: { host: '::', port: 8080 }, mediaUrl: 'https://[2001:db8::1]:8443' },
    'http://[2001:db8::1]:8080',
  ],
])('media by plain HTTP, %s', ([, change, url]) => {
  expect(ownUrlsOf(configOf({ dataDir: '/x', ...change })).plainMediaUrl).toBe(url)
})
