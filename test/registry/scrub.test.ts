import { rm, truncate, writeFile } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { blobPath, databasePath } from '../../src/registry/storage/paths.ts'
import type { Digest } from '../../src/shared/digest.ts'
import { sha256 } from '../../src/shared/digest.ts'
import { IMAGE, pushBlob, pushImage, testRegistry } from './support/open-registry.ts'

const FAST = { bytesPerSecond: Number.POSITIVE_INFINITY }

const DAMAGE: readonly [name: string, (path: string) => Promise<void>][] = [
  ['a flipped bit', (path) => writeFile(path, 'cOntent')],
  ['a short file', (path) => truncate(path, 3)],
  ['a long file', (path) => writeFile(path, 'content and more')],
  ['a missing file', (path) => rm(path)],
]

test.for(DAMAGE)(
  '%s is found, never served again, and healed by the next push for every repository',
  async ([, harm]) => {
    const registry = await testRegistry()
    const { digest } = await pushBlob(registry, 'a', 'content')
    await registry.request('POST', `/v2/b/blobs/uploads/?mount=${digest}&from=a`)
    expect((await registry.scrub(FAST)).damaged).toEqual([])
    await harm(blobPath(registry.root, digest))
    expect(await registry.scrub(FAST)).toMatchObject({ damaged: [digest] })
    for (const method of ['HEAD', 'GET']) {
      expect((await registry.request(method, `/v2/b/blobs/${digest}`)).status).toBe(404)
    }
    const body = JSON.stringify({ schemaVersion: 2, mediaType: IMAGE, config: { mediaType: 'a/b', digest, size: 7 } })
    const put = () => registry.request('PUT', '/v2/b/manifests/t', { body, headers: { 'content-type': IMAGE } })
    expect((await put()).status).toBe(404)
    await pushBlob(registry, 'a', 'content')
    expect(await (await registry.request('GET', `/v2/b/blobs/${digest}`)).text()).toBe('content')
    expect((await put()).status).toBe(201)
    expect((await registry.scrub(FAST)).damaged).toEqual([])
  },
)

test('a file of another size is noticed when it is opened, without a scrub', async () => {
  const registry = await testRegistry()
  // Too large to be kept in memory.
  const content = Buffer.alloc(100_000, 'x')
  const { digest } = await pushBlob(registry, 'a', content)
  await truncate(blobPath(registry.root, digest), 5)
  expect((await registry.request('GET', `/v2/a/blobs/${digest}`)).status).toBe(500)
  expect((await registry.request('HEAD', `/v2/a/blobs/${digest}`)).status).toBe(404)
  await pushBlob(registry, 'a', content)
  expect((await registry.request('GET', `/v2/a/blobs/${digest}`)).status).toBe(200)
})

/** An image whose manifest has rotted in the database since it was pushed. */
async function rottenImage() {
  const registry = await testRegistry()
  const { digest, body } = await pushImage(registry, 'a', 't')
  const db = new DatabaseSync(databasePath(registry.root))
  db.prepare('UPDATE manifests SET content = ? WHERE digest = ?').run(Buffer.from(`${body} `), digest)
  db.close()
  const get = () => registry.request('GET', '/v2/a/manifests/t')
  return { registry, digest: digest as Digest, get }
}

test('a rotten manifest is unknown until it is pushed again', async () => {
  const { registry, digest, get } = await rottenImage()
  expect((await registry.scrub(FAST)).damaged).toEqual([digest])
  expect((await get()).status).toBe(404)
  await pushImage(registry, 'a', 't')
  expect(sha256(await (await get()).text())).toBe(digest)
})

test('a rotten manifest is never served as good, without a scrub too', async () => {
  const { registry, digest, get } = await rottenImage()
  expect((await get()).status).toBe(500)
  expect((await get()).status).toBe(404)
  await pushImage(registry, 'a', 't')
  expect(sha256(await (await get()).text())).toBe(digest)
})

test('a push heals a rotten manifest that nobody has noticed yet', async () => {
  const { registry, digest, get } = await rottenImage()
  await pushImage(registry, 'a', 't')
  expect((await registry.scrub(FAST)).damaged).toEqual([])
  expect(sha256(await (await get()).text())).toBe(digest)
})

test('a scrub reads no faster than it may, and an interrupted one goes on where it was', async () => {
  const registry = await testRegistry()
  for (let i = 0; i < 5; i++) await pushBlob(registry, 'a', Buffer.alloc(50_000, i))
  const started = performance.now()
  expect(await registry.scrub({ bytesPerSecond: 1_000_000 })).toMatchObject({ blobs: 5, bytes: 250_000 })
  expect(performance.now() - started).toBeGreaterThan(200)
  const stop = new AbortController()
  const broken = registry.scrub({ bytesPerSecond: 100_000, signal: stop.signal })
  stop.abort(new Error('enough'))
  await expect(broken).rejects.toThrow('enough')
})

test('a round that begins in the millisecond in which another ended reads everything again', async () => {
  const clock = { now: () => new Date('2026-01-02T03:04:05Z') }
  const registry = await testRegistry({ clock })
  const { digest } = await pushBlob(registry, 'a', 'content')
  expect(await registry.scrub(FAST)).toMatchObject({ blobs: 1, damaged: [] })
  await truncate(blobPath(registry.root, digest), 3)
  expect(await registry.scrub(FAST)).toMatchObject({ blobs: 1, damaged: [digest] })
})
