import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { ServeConfig } from '../../../src/config.ts'
import { bytesSource } from '../../../src/isobuilder/source.ts'
import type { Started } from '../../../src/server/compose.ts'
import { runController } from '../../../src/server/compose.ts'
import { openConnections, readBody, sendRequest } from '../../../src/shared/http-client.ts'
import { imageOf } from '../../isobuilder/image-bytes.ts'
import { bodyOf, type Call } from './api-call.ts'

/** The whole controller, over TLS on the loopback, with a maintenance image that holds nothing. */
export interface RunningController {
  readonly call: Call
  readonly url: string
  /** Of an administrator. */
  readonly token: string
  readonly caPem: string
  close(): Promise<void>
}

const MAX_ANSWER = 1024 * 1024

export async function startController(): Promise<RunningController> {
  const directory = mkdtempSync(join(tmpdir(), 'controller-'))
  const stop = new AbortController()
  const boot = bytesSource(Buffer.alloc(300_000, 'boot'))
  writeFileSync(join(directory, 'maintenance.iso'), await imageOf([{ path: 'boot.bin', source: boot }], 'MAINTENANCE'))
  const config: ServeConfig = {
    host: '127.0.0.1',
    port: await freePort(),
    listenFd: undefined,
    // A simulated XCC takes media by plain HTTP alone.
    mediaListen: { host: '127.0.0.1', port: await freePort() },
    mediaListenFd: undefined,
    dataDir: join(directory, 'data'),
    publicUrl: undefined,
    mediaUrl: undefined,
    maintenanceIso: join(directory, 'maintenance.iso'),
    adminTokenFile: join(directory, 'token'),
    registryPolicy: undefined,
    allowLoopbackBmc: false,
    workers: 32,
    budgets: {},
    keepJobs: 0,
    logLevel: 'silent',
    metricsOpen: false,
    tls: true,
    tlsFiles: undefined,
  }
  const { promise, resolve, reject } = Promise.withResolvers<Started>()
  const ended = runController(config, pino({ level: 'silent' }), resolve, stop.signal)
  ended.catch(reject)
  const { url } = await promise
  const token = readFileSync(join(directory, 'token'), 'utf8').trim()
  const caPem = readFileSync(join(directory, 'data', 'tls', 'ca.pem'), 'utf8')
  const connections = openConnections({ only: caPem })
  return {
    url,
    token,
    caPem,
    async call(method, path, body, headers) {
      const sent = { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers }
      const request = { url: new URL(path, url), method: method as 'GET' | 'POST', headers: sent, connections }
      const answer = await sendRequest({ ...request, body: bodyOf(body) }, AbortSignal.timeout(30_000))
      const bytes = await readBody(answer, MAX_ANSWER)
      return new Response(bytes.length === 0 ? null : Uint8Array.from(bytes), { status: answer.status })
    },
    async close() {
      connections.close()
      stop.abort()
      await ended
      rmSync(directory, { recursive: true })
    },
  }
}

/** The certificate and the URLs are made before the port would be known. */
export async function freePort(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const probe = createServer().listen(0, '127.0.0.1', resolve)
  await promise
  const { port } = probe.address() as AddressInfo
  await new Promise((closed) => probe.close(closed))
  return port
}
