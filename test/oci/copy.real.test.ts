import type { ChildProcess } from 'node:child_process'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Registry, RegistryOptions } from '../../src/registry/registry.ts'
import { openRegistry } from '../../src/registry/registry.ts'
import type { RunningServer, ServerSettings } from '../../src/shared/http-server.ts'
import { startServer } from '../../src/shared/http-server.ts'
import { systemClock } from '../../src/shared/time.ts'
import { labScratch } from '../lab/cache.ts'
import { mustInTools, spawnInTools } from '../lab/programs.ts'
import type { TestRegistry } from '../registry/support/open-registry.ts'
import { silent } from '../registry/support/open-registry.ts'
import { pushSignedIndex, referrersOf } from './support.ts'

/* Debian's docker-registry (which has no referrers API), skopeo and podman as the other side of copies and of a mirror. */

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

let directory: string
let ours: TestRegistry & { host: string }
let theirs: { host: string; process: ChildProcess }
const toClose: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  directory = await labScratch('copy')
  ours = await serve('ours')
  theirs = await dockerRegistry()
})

afterAll(async () => {
  for (const close of toClose.reverse()) await close()
  await rm(directory, { recursive: true, force: true })
})

async function serve(name: string, options: Partial<RegistryOptions> = {}): Promise<TestRegistry & { host: string }> {
  const root = join(directory, name)
  const registry: Registry = await openRegistry({ root, log: silent, clock: systemClock, ...options })
  const listen = { host: '127.0.0.1', port: 0 }
  const fetch: ServerSettings['fetch'] = (request, env) => registry.app.fetch(request, env)
  const server: RunningServer = await startServer({ fetch, direct: registry.direct, listen, log: silent })
  toClose.push(
    () => registry.close(),
    () => server.close(),
  )
  const request: TestRegistry['request'] = async (method, path, { headers = {}, body } = {}) =>
    registry.app.request(path, {
      method,
      headers: { ...headers, ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }) },
      ...(body !== undefined && { body: Buffer.from(body) }),
    })
  return { ...registry, root, request, host: `127.0.0.1:${server.port}` }
}

async function dockerRegistry() {
  const path = join(directory, 'docker')
  const host = `127.0.0.1:${await freePort()}`
  const config = { version: 0.1, storage: { filesystem: { rootdirectory: '/data' } }, http: { addr: host } }
  await mkdir(path)
  await writeFile(join(path, 'config.yml'), JSON.stringify(config))
  const binds = [{ host: path, inside: '/data' }]
  const started = await spawnInTools(['docker-registry', 'serve', '/data/config.yml'], { binds, stdio: 'ignore' })
  toClose.push(() => stop(started))
  const limit = AbortSignal.timeout(60_000)
  while (
    !(await fetch(`http://${host}/v2/`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    limit.throwIfAborted()
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return { host, process: started }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  child.kill('SIGKILL')
  await closed
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** `provisioner artifact …`, as a person runs it. */
async function artifact(...args: string[]): Promise<string> {
  const env = { ...process.env, HOME: directory, XDG_RUNTIME_DIR: directory }
  const argv = ['--disable-warning=ExperimentalWarning', MAIN, 'artifact', ...args]
  return (await promisify(execFile)(process.execPath, argv, { env, cwd: directory })).stdout
}

/** A script in the tools root, with `directory/NAME` as its /job. */
async function sh(name: string, script: string): Promise<string> {
  const path = join(directory, name)
  await mkdir(path, { recursive: true })
  const binds = [{ host: path, inside: '/job' }]
  const env = { R: ours.host, D: theirs.host, TMPDIR: '/job', STORAGE_DRIVER: 'vfs' }
  return mustInTools(['sh', '-euc', script], { binds, cwd: '/job', env, cgroup: true })
}

/** An image of one layer that podman made, as `made:v1` in an OCI layout. */
const MAKE_IMAGE = `
  podman() { command podman --root /job/storage --runroot /job/run --cgroup-manager cgroupfs "$@"; }
  mkdir -p root/etc; head -c 3000000 /dev/urandom >root/etc/data; tar -C root -cf layer.tar .
  podman import -q layer.tar localhost/made:v1 >/dev/null`

test('a signed index goes to docker-registry, which knows no referrers, and comes back whole', async () => {
  const pushed = await pushSignedIndex(ours, 'os/debian')
  await artifact('copy', '--plain-http', `oci://${ours.host}/os/debian:13`, `oci://${theirs.host}/far/debian`)
  await artifact('copy', '--plain-http', `oci://${theirs.host}/far/debian:13`, `oci://${ours.host}/os/back`)

  const back = await ours.request('HEAD', '/v2/os/back/manifests/13')
  expect(back.headers.get('docker-content-digest')).toBe(pushed.digest)
  expect(await referrersOf(ours, 'os/back', pushed.digest)).toEqual([pushed.signature])
  expect(await referrersOf(ours, 'os/back', pushed.signature)).toEqual([pushed.second])
  expect(await artifact('list', '--plain-http', `oci://${ours.host}/os/back`)).toContain(pushed.cosignTag)
  const discovered = await sh('oras', 'oras discover --plain-http --format json $D/far/debian:13')
  expect(discovered).toContain(pushed.signature)
})

test('a large file goes to docker-registry and comes back the same', async () => {
  const content = randomBytes(40 << 20)
  await writeFile(join(directory, 'disk.img'), content)
  await artifact('push', '--plain-http', 'disk.img', `oci://${theirs.host}/files/disk:1`)
  await artifact('pull', '--plain-http', `oci://${theirs.host}/files/disk:1`, 'pulled')
  expect((await readFile(join(directory, 'pulled', 'disk.img'))).equals(content)).toBe(true)
  const oras = await sh(
    'oras-pull',
    'oras pull --plain-http -o out $D/files/disk:1 >/dev/null; sha256sum <out/disk.img',
  )
  const { stdout } = await promisify(execFile)('sha256sum', [join(directory, 'disk.img')])
  expect(oras.split(' ')[0]).toBe(stdout.split(' ')[0])
})

test('layouts and archives are exchanged with skopeo, both ways', async () => {
  await sh(
    'skopeo',
    `${MAKE_IMAGE}
     podman push -q localhost/made:v1 oci:theirs:v1
     podman push -q localhost/made:v1 oci-archive:theirs.tar:v1`,
  )
  const at = (name: string) => join(directory, 'skopeo', name)
  await artifact('copy', '--plain-http', `oci-layout:${at('theirs')}`, `oci://${ours.host}/sk/layout`)
  await artifact('copy', '--plain-http', `oci-archive:${at('theirs.tar')}`, `oci://${ours.host}/sk/archive`)
  await artifact('copy', '--plain-http', `oci://${ours.host}/sk/layout:v1`, `oci-layout:${at('ours')}`)
  await artifact('copy', '--plain-http', `oci://${ours.host}/sk/archive:v1`, `oci-archive:${at('ours.tar')}`)
  const out = await sh(
    'skopeo',
    `skopeo inspect --raw oci:theirs:v1 >one; skopeo inspect --raw oci:ours:v1 >two; cmp one two
     skopeo copy -q oci:ours:v1 dir:from-layout; skopeo copy -q oci-archive:ours.tar:v1 dir:from-archive
     diff -r theirs/blobs ours/blobs && tar -tf ours.tar | wc -l`,
  )
  expect(out.trim()).toBe('5')
})

test('podman pulls through the mirror, and again when the upstream is gone', async () => {
  const mirrors = [{ prefix: 'far', upstream: `http://${theirs.host}`, tagTtlMs: 0 }]
  const mirror = await serve('mirror', { mirrors })
  const pull = `podman pull -q --tls-verify=false ${mirror.host}/far/pod/app:v1`
  const remove = `podman rmi -f ${mirror.host}/far/pod/app:v1 >/dev/null`
  const id = await sh(
    'podman',
    `${MAKE_IMAGE}
     podman push -q --tls-verify=false localhost/made:v1 docker://$D/pod/app:v1
     podman rmi -f localhost/made:v1 >/dev/null
     ${pull}; ${remove}`,
  )
  await stop(theirs.process)
  const again = await sh(
    'podman',
    `podman() { command podman --root /job/storage --runroot /job/run --cgroup-manager cgroupfs "$@"; }
     ${pull}; ${remove}`,
  )
  expect(again).toBe(id)
  expect(id).toMatch(/^[0-9a-f]{64}\n$/)
})
