import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { policyOf } from '../../src/registry/access/open.ts'
import { blobPath } from '../../src/registry/storage/paths.ts'
import { sha256 } from '../../src/shared/digest.ts'
import type { TestRegistry } from './support/open-registry.ts'
import {
  codes,
  IMAGE,
  INDEX,
  pushBlob,
  pushImage,
  served,
  temporaryDirectory,
  testRegistry,
} from './support/open-registry.ts'

const HOUR = 3_600_000

/** A registry whose clock the test moves; it does nothing by itself. */
async function atTime(policy = '{}') {
  let now = new Date('2026-06-01T00:00:00Z')
  const clock = { now: () => now }
  const maintenance = { collectEveryMs: undefined, scrubEveryMs: undefined, graceMs: HOUR }
  const registry = await testRegistry({
    clock,
    maintenance,
    policy: policyOf(policy),
    authorize: async () => undefined,
  })
  const pass = (hours: number) => {
    now = new Date(now.getTime() + hours * HOUR)
  }
  const status = async (path: string, method = 'HEAD') => (await registry.request(method, `/v2/${path}`)).status
  return { registry, pass, status }
}

async function pushIndex(registry: TestRegistry, tag: string, images: readonly { digest: string; size: number }[]) {
  const manifests = images.map(({ digest, size }) => ({ mediaType: IMAGE, digest, size }))
  const body = JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests })
  const response = await registry.request('PUT', `/v2/a/manifests/${tag}`, { body, headers: { 'content-type': INDEX } })
  expect(response.status).toBe(201)
  return sha256(body)
}

test('what nothing needs goes when its grace is over, and its space is counted', async () => {
  const { registry, pass, status } = await atTime()
  const { digest } = await pushBlob(registry, 'a', 'forgotten')
  const { digest: image } = await pushImage(registry, 'a', 'kept')
  pass(0.5)
  expect(await registry.collectGarbage()).toMatchObject({ blobs: 0, bytes: 0 })
  pass(1)
  expect(await registry.collectGarbage({ dryRun: true })).toMatchObject({ dryRun: true, blobs: 1, bytes: 9 })
  expect(await status(`a/blobs/${digest}`, 'GET')).toBe(200)
  expect(await registry.collectGarbage()).toMatchObject({ blobs: 1, bytes: 9, manifests: 0 })
  expect(await status(`a/blobs/${digest}`)).toBe(404)
  expect(await status(`a/manifests/${image}`)).toBe(200)
  expect(await registry.collectGarbage({ graceMs: 0 })).toMatchObject({ blobs: 0, orphans: 0 })
})

test('asking for a blob, mounting it and pushing it again start its grace again', async () => {
  const { registry, pass, status } = await atTime()
  const asked = await pushBlob(registry, 'a', 'asked for')
  const mounted = await pushBlob(registry, 'b', 'mounted')
  const pushed = await pushBlob(registry, 'a', 'pushed again')
  pass(0.9)
  expect(await status(`a/blobs/${asked.digest}`)).toBe(200)
  expect(await status(`a/blobs/uploads/?mount=${mounted.digest}&from=b`, 'POST')).toBe(201)
  await pushBlob(registry, 'a', 'pushed again')
  pass(0.9)
  expect(await registry.collectGarbage()).toMatchObject({ blobs: 0 })
  for (const { digest } of [asked, mounted, pushed]) expect(await status(`a/blobs/${digest}`)).toBe(200)
  // The repository it came from has lost it all the same.
  expect(await status(`b/blobs/${mounted.digest}`)).toBe(404)
})

test('a dry run sees what waits for its grace', async () => {
  const { registry } = await atTime()
  await pushBlob(registry, 'a', 'young')
  expect(await registry.collectGarbage({ dryRun: true })).toMatchObject({ blobs: 0, bytes: 0, waitingBytes: 5 })
})

test('a manifest whose blob was collected is refused, and after the push of the blob it is taken', async () => {
  const { registry } = await atTime()
  const layer = await pushBlob(registry, 'a', 'layer')
  await registry.collectGarbage({ graceMs: 0 })
  const body = JSON.stringify({ schemaVersion: 2, mediaType: IMAGE, config: layer, layers: [] })
  const put = () => registry.request('PUT', '/v2/a/manifests/t', { body, headers: { 'content-type': IMAGE } })
  const refused = await put()
  expect([refused.status, await codes(refused)]).toEqual([404, ['MANIFEST_BLOB_UNKNOWN']])
  await pushBlob(registry, 'a', 'layer')
  expect((await put()).status).toBe(201)
})

test('a deleted manifest leaves its blobs for one more grace, for pulls that are under way', async () => {
  const { registry, pass, status } = await atTime()
  const { digest } = await pushImage(registry, 'a', 't')
  const layer = sha256('layer of t')
  pass(48)
  await registry.request('DELETE', `/v2/a/manifests/${digest}`)
  expect(await registry.collectGarbage()).toMatchObject({ blobs: 0 })
  expect(await status(`a/blobs/${layer}`, 'GET')).toBe(200)
  pass(1.5)
  expect(await registry.collectGarbage()).toMatchObject({ blobs: 2 })
})

test('with an index go its parts, their signatures and their blobs, and nothing that a tag still names', async () => {
  const { registry, pass, status } = await atTime()
  const images = [await pushImage(registry, 'a', undefined), await pushImage(registry, 'a', 'own')]
  const [{ digest: part, size } = { digest: '', size: 0 }] = images
  const subject = { mediaType: IMAGE, digest: part, size }
  const signature = await pushImage(registry, 'a', undefined, { subject })
  const classic = await pushImage(registry, 'a', `${part.replace(':', '-')}.sig`)
  const index = await pushIndex(registry, 'multi', images)
  pass(5)
  expect(await registry.collectGarbage({ graceMs: 0 })).toMatchObject({ manifests: 0, blobs: 0 })
  await registry.request('DELETE', `/v2/a/manifests/${index}`)
  expect(await registry.collectGarbage()).toMatchObject({ manifests: 0 })
  pass(2)
  expect(await registry.collectGarbage({ dryRun: true })).toMatchObject({ manifests: 3 })
  expect(await registry.collectGarbage()).toMatchObject({ manifests: 3 })
  for (const gone of [part, signature.digest, classic.digest]) expect(await status(`a/manifests/${gone}`)).toBe(404)
  expect(await status('a/manifests/own')).toBe(200)
  expect(await status(`a/blobs/${sha256('layer of own')}`, 'GET')).toBe(200)
})

test('retention removes old tags with their images', async () => {
  const { registry, pass, status } = await atTime('{retention: [{repositories: [a], keep_last: 2}]}')
  for (const tag of ['1', '2', '3']) {
    await pushImage(registry, 'a', tag)
    await pushImage(registry, 'b', tag)
    pass(1)
  }
  expect(await registry.collectGarbage({ dryRun: true, graceMs: 0 })).toMatchObject({ tags: 1, manifests: 1, blobs: 0 })
  expect(await registry.collectGarbage({ graceMs: 0 })).toMatchObject({ tags: 1, manifests: 1 })
  const { tags } = (await (await registry.request('GET', '/v2/a/tags/list')).json()) as { tags: string[] }
  expect(tags).toEqual(['2', '3'])
  expect(await status('b/manifests/1')).toBe(200)
  expect(await status(`a/blobs/${sha256('layer of 1')}`)).toBe(404)
})

test('an immutable tag neither moves nor goes, but can be pushed again as it is', async () => {
  const { registry, status } = await atTime('{immutable_tags: [{repositories: [a], tags: ["v*"]}]}')
  const { digest } = await pushImage(registry, 'a', 'v1')
  const { digest: other, body } = await pushImage(registry, 'a', 'latest')
  const moved = await registry.request('PUT', '/v2/a/manifests/v1', { body, headers: { 'content-type': IMAGE } })
  expect([moved.status, await codes(moved)]).toEqual([409, ['TAG_IMMUTABLE']])
  expect(await status('a/manifests/v1', 'DELETE')).toBe(409)
  expect(await status(`a/manifests/${digest}`, 'DELETE')).toBe(409)
  await pushImage(registry, 'a', 'v1')
  expect((await registry.request('HEAD', '/v2/a/manifests/v1')).headers.get('docker-content-digest')).toBe(digest)
  expect(await status(`a/manifests/${other}`, 'DELETE')).toBe(202)
})

test('files without a row and abandoned uploads go; what is none of ours is left alone', async () => {
  const { registry } = await atTime()
  const orphan = sha256('orphan')
  await writeFile(blobPath(registry.root, orphan), 'orphan')
  await writeFile(join(registry.root, 'blobs/sha256/00/README'), 'not ours')
  const { headers } = await registry.request('POST', '/v2/a/blobs/uploads/')
  expect(await registry.collectGarbage({ dryRun: true, graceMs: -10 * 365 * 24 * HOUR })).toMatchObject({
    orphans: 1,
    bytes: 6,
  })
  expect(await registry.collectGarbage({ graceMs: -10 * 365 * 24 * HOUR })).toMatchObject({ orphans: 1 })
  expect(await readdir(join(registry.root, 'blobs/sha256/00'))).toEqual(['README'])
  expect((await registry.request('GET', headers.get('location') ?? '')).status).toBe(204)
})

test('one process owns a data directory, and gives it back', async () => {
  const root = await temporaryDirectory()
  const first = await testRegistry({ root })
  await expect(testRegistry({ root })).rejects.toMatchObject({ code: 'data-in-use' })
  await first.close()
  await (await testRegistry({ root })).close()
})

test('pushes during garbage collection without any grace all end well', { timeout: 30_000 }, async () => {
  const registry = await testRegistry()
  let pushing = true
  async function collect(): Promise<void> {
    while (pushing) await registry.collectGarbage({ graceMs: 0 })
  }
  async function push(repository: string): Promise<void> {
    for (let i = 0; i < 30; i++) {
      // The same layers everywhere; when one is collected before its manifest comes, the client pushes again.
      for (let attempt = 0; ; attempt++) {
        const pushed = await pushImage(registry, repository, `t${i % 5}`).catch((error: Error) => error)
        if (!(pushed instanceof Error)) break
        if (attempt > 50 || !pushed.message.includes('MANIFEST_BLOB_UNKNOWN')) throw pushed
      }
      if (i % 7 === 0) await registry.request('DELETE', `/v2/${repository}/manifests/t${i % 5}`)
    }
  }
  const pushes = Promise.all(['a', 'b', 'c'].map(push)).finally(() => {
    pushing = false
  })
  await Promise.all([collect(), pushes])
  await registry.collectGarbage({ graceMs: 0 })
  for (const repository of ['a', 'b', 'c']) {
    const { tags } = (await (await registry.request('GET', `/v2/${repository}/tags/list`)).json()) as { tags: string[] }
    for (const tag of tags) {
      expect(await (await registry.request('GET', `/v2/${repository}/blobs/${sha256(`layer of ${tag}`)}`)).text()).toBe(
        `layer of ${tag}`,
      )
    }
  }
})

test('a pull goes on while its blob is deleted and collected', async () => {
  const registry = await testRegistry()
  const { url } = await served(registry)
  // More than sockets hold: the registry has not read it all when it is deleted.
  const content = Buffer.alloc(24 << 20, 'slow pull')
  const { digest } = await pushBlob(registry, 'a', content)
  const [response] = await once(get(`${url}/v2/a/blobs/${digest}`), 'response')
  await once(response, 'readable')
  expect((await registry.request('DELETE', `/v2/a/blobs/${digest}`)).status).toBe(202)
  expect(await registry.collectGarbage({ graceMs: 0 })).toMatchObject({ blobs: 1 })
  expect((await registry.request('GET', `/v2/a/blobs/${digest}`)).status).toBe(404)
  expect(sha256(Buffer.concat(await Array.fromAsync(response)))).toBe(digest)
})

test('many pushes of the same blob at once are one blob', async () => {
  const registry = await testRegistry()
  const content = Buffer.alloc(300_000, 'same')
  const repositories = Array.from({ length: 12 }, (_, index) => `r${index % 4}`)
  const pushed = await Promise.all(repositories.map((repository) => pushBlob(registry, repository, content)))
  const { digest } = pushed[0] ?? { digest: sha256('') }
  for (const repository of new Set(repositories)) {
    expect((await (await registry.request('GET', `/v2/${repository}/blobs/${digest}`)).arrayBuffer()).byteLength).toBe(
      300_000,
    )
  }
  expect(await registry.collectGarbage({ graceMs: 0 })).toMatchObject({ blobs: 1, bytes: 300_000, orphans: 0 })
})
