import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { OciError } from '../../../src/registry/errors.ts'
import type { MirrorOptions } from '../../../src/registry/mirror/options.ts'
import { sha256 } from '../../../src/shared/digest.ts'
import type { TinyRegistry } from '../../oci/tiny-registry.ts'
import { tinyRegistry } from '../../oci/tiny-registry.ts'
import type { TestRegistry } from '../support/open-registry.ts'
import { codes, IMAGE, INDEX, pushImage, served, temporaryDirectory, testRegistry } from '../support/open-registry.ts'

const MiB = 1 << 20

/** A mirror of `os/…` of an upstream as `up/os/…`, and the time as it sees it. */
async function mirrorOf(upstream: string, options: Partial<MirrorOptions> = {}, root?: string) {
  const time = { ms: Date.now() }
  const mirrors = [{ prefix: 'up', upstream, ...options }]
  const clock = { now: () => new Date(time.ms) }
  const registry = await testRegistry({ mirrors, clock, ...(root !== undefined && { root }) })
  return { registry, time, url: (await served(registry)).url }
}

async function tiny(): Promise<TinyRegistry & { url: string }> {
  const registry = await tinyRegistry()
  onTestFinished(() => registry[Symbol.asyncDispose]())
  return Object.assign(registry, { url: `http://${registry.host}` })
}

/** Puts an image of one layer into the tiny registry. */
function image(upstream: TinyRegistry, tag: string, layer: Uint8Array) {
  const blob = { ...upstream.blob(layer), mediaType: 'application/vnd.oci.image.layer.v1.tar' }
  const config = { ...upstream.blob(Buffer.from('{}')), mediaType: 'application/vnd.oci.image.config.v1+json' }
  return { layer: blob, digest: upstream.manifest({ schemaVersion: 2, mediaType: IMAGE, config, layers: [blob] }, tag) }
}

const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer())

test('what was pulled once is served without the upstream', async () => {
  const upstream = await tiny()
  const layer = randomBytes(3 * MiB)
  const { digest, layer: blob } = image(upstream, '13', layer)
  const { url } = await mirrorOf(upstream.url)
  for (const round of ['first', 'second']) {
    const manifest = await fetch(`${url}/v2/up/os/debian/manifests/13`)
    expect([round, manifest.status, manifest.headers.get('docker-content-digest')]).toEqual([round, 200, digest])
    expect(manifest.headers.get('content-type')).toBe(IMAGE)
    expect((await bytesOf(await fetch(`${url}/v2/up/os/debian/blobs/${blob.digest}`))).equals(layer)).toBe(true)
    if (round === 'first') upstream.requests.length = 0
  }
  expect(upstream.requests).toEqual([])
})

test('only what is asked for is fetched', async () => {
  const upstream = await tiny()
  const one = image(upstream, 'one', randomBytes(10))
  const two = image(upstream, 'two', randomBytes(10))
  const entry = (digest: string) => ({ mediaType: IMAGE, digest, size: 1 })
  upstream.manifest({ schemaVersion: 2, mediaType: INDEX, manifests: [entry(one.digest), entry(two.digest)] }, 'all')
  const { url } = await mirrorOf(upstream.url)
  const index = await fetch(`${url}/v2/up/os/debian/manifests/all`)
  expect(index.headers.get('content-type')).toBe(INDEX)
  expect((await fetch(`${url}/v2/up/os/debian/manifests/${two.digest}`)).status).toBe(200)
  expect(upstream.requests.filter((line) => line.startsWith('GET')).map((line) => line.split('/').at(-1))).toEqual([
    'all',
    two.digest,
  ])
})

/** Lets the first half of every blob out at once, the rest when told. */
function halting(upstream: TinyRegistry, content: Buffer) {
  const waiting: ServerResponse[] = []
  upstream.intercept = (request, response) => {
    if (request.method !== 'GET' || !request.url?.includes('/blobs/')) return false
    response.writeHead(200, { 'content-length': content.length })
    response.write(content.subarray(0, content.length / 2))
    waiting.push(response)
    return true
  }
  const finish = (rest: Uint8Array) => {
    for (const response of waiting.splice(0)) response.end(rest)
  }
  return { waiting, finish }
}

test('one fetch serves all who ask, while it arrives, late ones and ranges too', async () => {
  const upstream = await tiny()
  const content = randomBytes(6 * MiB)
  const { digest } = upstream.blob(content)
  const { waiting, finish } = halting(upstream, content)
  const { url, registry } = await mirrorOf(upstream.url)
  const blob = `${url}/v2/up/os/debian/blobs/${digest}`

  const first = await fetch(blob)
  expect(first.headers.get('content-length')).toBe(String(content.length))
  const reader = first.body?.getReader()
  let early = 0
  while (early < MiB / 2) early += (await reader?.read())?.value?.length ?? Number.POSITIVE_INFINITY
  // Some of it has come out while the upstream still holds back a half.
  expect([early < content.length, waiting.length]).toEqual([true, 1])

  const others = Array.from({ length: 6 }, () => fetch(blob).then(bytesOf))
  const part = await fetch(blob, { headers: { range: 'bytes=1000-1999' } })
  expect([part.status, (await bytesOf(part)).equals(content.subarray(1000, 2000))]).toEqual([206, true])
  finish(content.subarray(content.length / 2))
  for (const other of await Promise.all(others)) expect(other.equals(content)).toBe(true)
  for (let chunk = await reader?.read(); chunk?.value !== undefined; chunk = await reader?.read()) {
    early += chunk.value.length
  }
  expect(early).toBe(content.length)
  expect(upstream.requests.filter((line) => line.startsWith('GET'))).toHaveLength(1)
  expect((await registry.request('HEAD', `/v2/up/os/debian/blobs/${digest}`)).status).toBe(200)
})

test('wrong content is never a blob: the reader is cut off before the end', async () => {
  const upstream = await tiny()
  const content = randomBytes(4 * MiB)
  const { digest } = upstream.blob(content)
  const { finish } = halting(upstream, content)
  const { url } = await mirrorOf(upstream.url)
  const response = await fetch(`${url}/v2/up/os/debian/blobs/${digest}`)
  finish(randomBytes(content.length / 2))
  await expect(bytesOf(response)).rejects.toThrow()
  upstream.intercept = () => false
  expect((await bytesOf(await fetch(`${url}/v2/up/os/debian/blobs/${digest}`))).equals(content)).toBe(true)
})

test('a broken connection to the upstream is continued by range', async () => {
  const upstream = await tiny()
  const content = randomBytes(2 * MiB)
  const { digest } = upstream.blob(content)
  let broken = 0
  upstream.intercept = (request, response) => {
    if (request.method !== 'GET' || broken++ > 0) return false
    response.writeHead(200, { 'content-length': content.length })
    response.write(content.subarray(0, MiB), () => response.destroy())
    return true
  }
  const { url } = await mirrorOf(upstream.url)
  expect((await bytesOf(await fetch(`${url}/v2/up/os/debian/blobs/${digest}`))).equals(content)).toBe(true)
  expect(upstream.requests.at(-1)).toMatch(/ bytes=\d+-$/)
})

test('a tag is asked for again when its time is over, and moves with the upstream', async () => {
  const upstream = await tiny()
  const old = image(upstream, '13', Buffer.from('old'))
  const { url, time } = await mirrorOf(upstream.url, { tagTtlMs: 1000 })
  const ask = async () => (await fetch(`${url}/v2/up/os/debian/manifests/13`)).headers.get('docker-content-digest')
  expect(await ask()).toBe(old.digest)
  const fresh = image(upstream, '13', Buffer.from('new'))
  expect(await ask()).toBe(old.digest)
  time.ms += 1001
  expect(await ask()).toBe(fresh.digest)
})

test('without the upstream it serves what it has, and says that a tag may be old', async () => {
  const root = await temporaryDirectory()
  const upstream = await tinyRegistry()
  const { layer } = image(upstream, '13', Buffer.from('content'))
  const url = `http://${upstream.host}`
  const first = await mirrorOf(url, { tagTtlMs: 0 }, root)
  await (await fetch(`${first.url}/v2/up/os/debian/manifests/13`)).arrayBuffer()
  await (await fetch(`${first.url}/v2/up/os/debian/blobs/${layer.digest}`)).arrayBuffer()
  await upstream[Symbol.asyncDispose]()
  await first.registry.close()

  const { registry } = await mirrorOf(url, { tagTtlMs: 0 }, root)
  const tag = await registry.request('GET', '/v2/up/os/debian/manifests/13')
  expect([tag.status, tag.headers.get('warning')]).toEqual([200, '110 - "Response is Stale"'])
  expect((await registry.request('GET', `/v2/up/os/debian/blobs/${layer.digest}`)).status).toBe(200)
  const unknown = await registry.request('GET', '/v2/up/os/debian/manifests/14')
  expect([unknown.status, await codes(unknown)]).toEqual([502, ['UPSTREAM_UNAVAILABLE']])
})

test.for([
  ['cannot be reached', undefined],
  ['knows nothing', 404],
] as const)('so it does when the token endpoint of the upstream %s', async ([, status]) => {
  const upstream = await tiny()
  image(upstream, '13', Buffer.from('content'))
  const { registry } = await mirrorOf(upstream.url, { tagTtlMs: 0 })
  expect((await registry.request('GET', '/v2/up/os/debian/manifests/13')).status).toBe(200)
  upstream.intercept = (request, response) => {
    if (!request.url?.startsWith('/token')) {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${upstream.url}/token"` }).end()
    } else if (status === undefined) response.destroy()
    else response.writeHead(status).end()
    return true
  }
  const tag = await registry.request('GET', '/v2/up/os/debian/manifests/13')
  expect([tag.status, tag.headers.get('warning')]).toEqual([200, '110 - "Response is Stale"'])
  const unknown = await registry.request('GET', '/v2/up/os/debian/manifests/14')
  expect([unknown.status, await codes(unknown)]).toEqual([502, ['UPSTREAM_UNAVAILABLE']])
})

test('what the upstream does not know is unknown here', async () => {
  const upstream = await tiny()
  const { registry } = await mirrorOf(upstream.url)
  expect(await codes(await registry.request('GET', '/v2/up/os/debian/manifests/no'))).toEqual(['MANIFEST_UNKNOWN'])
  const blob = await registry.request('GET', `/v2/up/os/debian/blobs/${sha256('no')}`)
  expect([blob.status, await codes(blob)]).toEqual([404, ['BLOB_UNKNOWN']])
})

test('a mirrored repository can only be pulled, others are as before', async () => {
  const upstream = await tiny()
  const { registry } = await mirrorOf(upstream.url)
  const push = await registry.request('POST', '/v2/up/os/debian/blobs/uploads/')
  expect([push.status, await codes(push)]).toEqual([405, ['UNSUPPORTED']])
  expect((await registry.request('PUT', '/v2/up/os/debian/manifests/1', { body: '{}' })).status).toBe(405)
  await pushImage(registry, 'own/app', 'v1')
})

test('containerd names the upstream by "ns", and is told so', async () => {
  const upstream = await tiny()
  const { digest } = image(upstream, '13', Buffer.from('layer'))
  const { registry } = await mirrorOf(upstream.url)
  const answer = await registry.request('HEAD', '/v2/os/debian/manifests/13?ns=up')
  expect(answer.headers.get('docker-content-digest')).toBe(digest)
  expect(answer.headers.get('oci-namespace')).toBe('up')
})

test('the mirror logs in, finds signatures, and needs no second copy of what another repository has', async () => {
  const authorization = `Basic ${Buffer.from('me:secret').toString('base64')}`
  const origin = await testRegistry({
    async authorize(asked) {
      if (asked.authorization !== authorization) throw new OciError('UNAUTHORIZED')
      return undefined
    },
  })
  const request: TestRegistry['request'] = (method, path, { headers, body } = {}) =>
    origin.request(method, path, { headers: { ...headers, authorization }, ...(body !== undefined && { body }) })
  const open = { ...origin, request }
  const pushed = await pushImage(open, 'os/debian', '13')
  const subject = { mediaType: IMAGE, digest: pushed.digest, size: pushed.size }
  const signature = await pushImage(open, 'os/debian', undefined, { artifactType: 'application/x-sig', subject })
  await pushImage(open, 'os/other', '13')
  const { url } = await served(origin)
  const credentials = { username: 'me', password: 'secret' }
  const { registry } = await mirrorOf(url, { credentials })
  expect((await registry.request('GET', '/v2/up/os/debian/manifests/13')).status).toBe(200)
  const referrers = (await (await registry.request('GET', `/v2/up/os/debian/referrers/${pushed.digest}`)).json()) as {
    manifests: { digest: string }[]
  }
  expect(referrers.manifests.map(({ digest }) => digest)).toEqual([signature.digest])
  const { layers } = JSON.parse(pushed.body) as { layers: { digest: string }[] }
  for (const name of ['debian', 'other']) {
    const blob = await registry.request('GET', `/v2/up/os/${name}/blobs/${layers[0]?.digest}`)
    expect(await blob.text()).toBe('layer of 13')
  }
})
