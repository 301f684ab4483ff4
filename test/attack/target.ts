import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { ServeConfig } from '../../src/config.ts'
import { bytesSource } from '../../src/isobuilder/source.ts'
import type { Started } from '../../src/server/compose.ts'
import { runController } from '../../src/server/compose.ts'
import { createLogger } from '../../src/shared/log.ts'
import type { Role } from '../../src/shared/role.ts'
import { imageOf } from '../isobuilder/image-bytes.ts'
import { freePort } from '../server/support/running-controller.ts'

/** The whole controller as it serves, without TLS so that every byte can be chosen; and what it logged. */
export interface Target {
  readonly url: string
  readonly admin: string
  readonly dataDir: string
  /** Everything logged so far, at the level debug. */
  log(): string
  /** With the admin's token and JSON unless `headers` say otherwise. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>
  tokenOf(role: Role): Promise<string>
  /** Sends bytes as they are, and gives what comes back until the connection ends or is silent. */
  raw(bytes: string, silentMs?: number): Promise<string>
  close(): Promise<void>
}

export async function startTarget(): Promise<Target> {
  const dir = mkdtempSync(join(tmpdir(), 'attack-'))
  const lines: string[] = []
  const log = createLogger('debug', { write: (line: string) => void lines.push(line) })
  const stop = new AbortController()
  const boot = bytesSource(Buffer.alloc(100_000, 'boot'))
  writeFileSync(join(dir, 'maintenance.iso'), await imageOf([{ path: 'boot.bin', source: boot }], 'MAINTENANCE'))
  const { promise, resolve, reject } = Promise.withResolvers<Started>()
  const ended = runController(settings(dir, await freePort()), log, resolve, stop.signal)
  ended.catch(reject)
  const { url } = await promise
  const admin = readFileSync(join(dir, 'token'), 'utf8').trim()

  async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const sent = { authorization: `Bearer ${admin}`, 'content-type': 'application/json', ...headers }
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
    return fetch(`${url}${path}`, {
      method,
      headers: sent,
      redirect: 'manual',
      ...(text !== undefined && { body: text }),
    })
  }

  return {
    url,
    admin,
    dataDir: join(dir, 'data'),
    log: () => lines.join(''),
    call,
    async tokenOf(role) {
      const made = await call('POST', '/api/v1/tokens', { name: role, role, owner: null })
      expect(made.status).toBe(201)
      return ((await made.json()) as { token: string }).token
    },
    raw: (bytes, silentMs = 1500) => exchange(Number(new URL(url).port), bytes, silentMs),
    async close() {
      stop.abort()
      await ended
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function settings(dir: string, port: number): ServeConfig {
  return {
    host: '127.0.0.1',
    port,
    listenFd: undefined,
    mediaListen: undefined,
    mediaListenFd: undefined,
    dataDir: join(dir, 'data'),
    publicUrl: undefined,
    mediaUrl: undefined,
    maintenanceIso: join(dir, 'maintenance.iso'),
    adminTokenFile: join(dir, 'token'),
    registryPolicy: undefined,
    allowLoopbackBmc: false,
    workers: 4,
    logLevel: 'debug',
    metricsOpen: false,
    tls: false,
    tlsFiles: undefined,
    budgets: {},
    keepJobs: 0,
  }
}

function exchange(port: number, bytes: string, silentMs: number): Promise<string> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.from(bytes, 'latin1')))
    socket.setTimeout(silentMs, () => socket.destroy())
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(answer))
  })
}
