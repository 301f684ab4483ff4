import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hash } from 'bcryptjs'
import { labScratch } from '../test/lab/cache.ts'
import { mustInTools } from '../test/lab/programs.ts'
import { cpuSeconds } from './registry/process.ts'
import type { Rival } from './registry/servers.ts'
import { startDockerRegistry, startOurs } from './registry/servers.ts'

/*
 * `npm run bench:registry-access`: what a login costs at each request. GET /v2/ with one user of an htpasswd file (bcrypt,
 * cost 10, as htpasswd -B makes it), against Debian's docker-registry with the same file. About 40 s.
 */

const SECONDS = 5
const LOGIN = 'ann:secret'
const POLICY = "htpasswd: people\nrules: [{ repositories: ['**'], who: [authenticated], allow: [pull, push] }]\n"

const directory = await labScratch('bench-access')
const rivals: Rival[] = []
try {
  await writeFile(join(directory, 'people'), `ann:${(await hash('secret', 10)).replace('$2b', '$2y')}\n`)
  await writeFile(join(directory, 'policy.yaml'), POLICY)
  const ours = await startOurs(directory, ['--policy', join(directory, 'policy.yaml'), '--log-level', 'warn'])
  rivals.push(ours)
  const auth = { htpasswd: { realm: 'bench', path: '/bench/people' } }
  const theirs = await startDockerRegistry(directory, { auth })
  rivals.push(theirs)
  await report(ours, theirs)
} finally {
  await Promise.all(rivals.map((rival) => rival.close()))
  await rm(directory, { recursive: true, force: true })
}

async function report(ours: Rival, rival: Rival): Promise<void> {
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
async function measure({ url, pid }: Rival, path: string, authorization: string) {
  const before = cpuSeconds(pid)
  const header = `Authorization: ${authorization}`
  const out = await mustInTools(['wrk', '-t1', '-c8', `-d${SECONDS}s`, '-H', header, `${url}${path}`])
  if (out.includes('Non-2xx')) throw new Error(`${url}${path}: ${out}`)
  const requests = Number(/(\d+) requests in/.exec(out)?.[1])
  return { perSecond: requests / SECONDS, cpuMicros: ((cpuSeconds(pid) - before) * 1e6) / requests }
}
