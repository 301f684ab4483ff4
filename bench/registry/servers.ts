import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { spawnInTools } from '../../test/lab/programs.ts'
import type { Content } from './content.ts'
import { stop } from './process.ts'

export interface Rival {
  readonly name: string
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Whether it takes pushes. */
  readonly registry: boolean
  close(): Promise<void>
}

const MAIN = join(import.meta.dirname, '../../src/main.ts')

/** Ours, as `provisioner registry` runs it: with its log, which goes nowhere. */
export async function startOurs(directory: string, more: readonly string[] = []): Promise<Rival> {
  const port = await freePort()
  const args = ['registry', '--listen', `127.0.0.1:${port}`, '--data', join(directory, 'ours'), '--no-tls', ...more]
  const options = ['--disable-warning=ExperimentalWarning', MAIN]
  return started('provisioner', port, true, spawn(process.execPath, [...options, ...args], { stdio: 'ignore' }))
}

/** Debian's docker-registry, as fast as it can be set up: descriptors cached, no access log. It sees `directory` as /bench. */
export async function startDockerRegistry(directory: string, more: object = {}): Promise<Rival> {
  const port = await freePort()
  await mkdir(join(directory, 'docker-registry'), { recursive: true })
  const config = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: '/bench/docker-registry' }, cache: { blobdescriptor: 'inmemory' } },
    http: { addr: `127.0.0.1:${port}` },
    ...more,
  }
  await writeFile(join(directory, 'config.yml'), JSON.stringify(config))
  const binds = [{ host: directory, inside: '/bench' }]
  const child = await spawnInTools(['docker-registry', 'serve', '/bench/config.yml'], { binds, stdio: 'ignore' })
  return started('docker-registry', port, true, child)
}

/** nginx with sendfile on the same bytes: what a server that does nothing but reading could reach. */
export async function startNginx(directory: string, content: Content): Promise<Rival> {
  const port = await freePort()
  const files = Object.values(content).map(({ path, file }) => `location = ${path} { alias /bench/${file}; }`)
  const config = `
    daemon off; master_process off; pid /tmp/nginx.pid; error_log stderr crit; user root;
    events { worker_connections 1024; }
    http {
      access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
      server { listen 127.0.0.1:${port}; ${files.join('\n')} }
    }`
  await writeFile(join(directory, 'nginx.conf'), config)
  const binds = [{ host: directory, inside: '/bench', readonly: true }]
  const child = await spawnInTools(['nginx', '-c', '/bench/nginx.conf'], { binds, stdio: 'ignore' })
  return started('nginx', port, false, child)
}

async function started(name: string, port: number, registry: boolean, child: ChildProcess): Promise<Rival> {
  const url = `http://127.0.0.1:${port}`
  const end = performance.now() + 30_000
  for (;;) {
    if (child.exitCode !== null || performance.now() > end) throw new Error(`${name} does not start`)
    const answered = await fetch(`${url}/v2/`).then(
      (response) => response.arrayBuffer(),
      () => undefined,
    )
    if (answered !== undefined) break
    await delay(50)
  }
  return { name, url, port, pid: child.pid ?? 0, registry, close: () => stop(child) }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
