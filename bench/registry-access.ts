import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { hash } from 'bcryptjs'
import { labScratch } from '../test/lab/cache.ts'
import { mustInTools, spawnInTools } from '../test/lab/programs.ts'
import { cpuSeconds, stop } from './registry/process.ts'

/*
 * `npm run bench:registry-access`: what a login costs at each request. GET /v2/ with one user of an htpasswd file (bcrypt,
 * cost 10, as htpasswd -B makes it), against Debian's docker-registry with the same file. About 40 s.
 */

const SECONDS = 5
const LOGIN = 'ann:secret'

interface Server {
  readonly url: string
  readonly child: ChildProcess
}

const directory = await labScratch('bench-access')
try {
  await writeFile(join(directory, 'people'), `ann:${(await hash('secret', 10)).replace('$2b', '$2y')}\n`)
  const [ours, rival] = [await startOurs(), await startDockerRegistry()]
  try {
    await report(ours, rival)
  } finally {
    await stop(ours.child)
    await stop(rival.child)
  }
} finally {
  await rm(directory, { recursive: true, force: true })
}

async function report(ours: Server, rival: Server): Promise<void> {
  const basic = `Basic ${Buffer.from(LOGIN).toString('base64')}`
  const query = 'scope=repository:team/app:pull,push'
  const answer = await fetch(`${ours.url}/v2/token?${query}`, { headers: { authorization: basic } })
  const { token } = (await answer.json()) as { token: string }
  const rows = [
    ['docker-registry, Basic', await measure(rival, '/v2/', basic)],
    ['provisioner, Basic', await measure(ours, '/v2/', basic)],
    ['provisioner, Bearer', await measure(ours, '/v2/', `Bearer ${token}`)],
    ['provisioner, token endpoint', await measure(ours, `/v2/token?${query}`, basic)],
  ] as const
  const base = rows[0][1]
  console.log('GET /v2/ logged in'.padEnd(30), 'requests/s', ' CPU us/request', ' ratio')
  for (const [name, { perSecond, cpuMicros }] of rows) {
    const cells = [perSecond.toFixed(0).padStart(10), cpuMicros.toFixed(0).padStart(15)]
    console.log(name.padEnd(30), ...cells, `${(perSecond / base.perSecond).toFixed(0)}x`.padStart(6))
  }
}

/** wrk with 8 connections; a server whose answers take longer than its patience is no failure here. */
async function measure({ url, child }: Server, path: string, authorization: string) {
  const pid = child.pid ?? 0
  const before = cpuSeconds(pid)
  const header = `Authorization: ${authorization}`
  const out = await mustInTools(['wrk', '-t1', '-c8', `-d${SECONDS}s`, '-H', header, `${url}${path}`])
  if (out.includes('Non-2xx')) throw new Error(`${url}${path}: ${out}`)
  const requests = Number(/(\d+) requests in/.exec(out)?.[1])
  return { perSecond: requests / SECONDS, cpuMicros: ((cpuSeconds(pid) - before) * 1e6) / requests }
}

async function startOurs(): Promise<Server> {
  const policy = join(directory, 'policy.yaml')
  await writeFile(
    policy,
    "htpasswd: people\nrules: [{ repositories: ['**'], who: [authenticated], allow: [pull, push] }]\n",
  )
  const port = await freePort()
  const main = ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, '../src/main.ts')]
  const args = ['registry', '--listen', `127.0.0.1:${port}`, '--data', join(directory, 'ours'), '--no-tls']
  const child = spawn(process.execPath, [...main, ...args, '--policy', policy, '--log-level', 'warn'], {
    stdio: 'ignore',
  })
  return answering(port, child)
}

async function startDockerRegistry(): Promise<Server> {
  const port = await freePort()
  await mkdir(join(directory, 'rival'))
  const config = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: '/bench/rival' } },
    auth: { htpasswd: { realm: 'bench', path: '/bench/people' } },
    http: { addr: `127.0.0.1:${port}` },
  }
  await writeFile(join(directory, 'config.yml'), JSON.stringify(config))
  const binds = [{ host: directory, inside: '/bench' }]
  return answering(
    port,
    await spawnInTools(['docker-registry', 'serve', '/bench/config.yml'], { binds, stdio: 'ignore' }),
  )
}

async function answering(port: number, child: ChildProcess): Promise<Server> {
  const url = `http://127.0.0.1:${port}`
  for (let tries = 0; tries < 300; tries++) {
    if (child.exitCode !== null) break
    const status = await fetch(`${url}/v2/`).then(
      (response) => response.status,
      () => undefined,
    )
    if (status !== undefined) return { url, child }
    await delay(100)
  }
  throw new Error(`the server for port ${port} does not start`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
