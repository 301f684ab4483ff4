import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createContentCache, SMALL_BYTES } from '../../src/registry/cache.ts'
import { sha256 } from '../../src/shared/digest.ts'
import { pushImage, testRegistry } from './support/open-registry.ts'

test('the cache never holds more than it may, and what it gives is what was put', () => {
  const operation = fc.record({ put: fc.boolean(), id: fc.nat(20), size: fc.nat(400) })
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const cache = createContentCache(1000)
      for (const { put, id } of operations) {
        const content = Buffer.alloc(id * 20, id)
        if (put) cache.put(sha256(content), content)
        else expect(cache.get(sha256(content)) ?? content).toEqual(content)
        expect(cache.bytes).toBeLessThanOrEqual(1000)
      }
    }),
  )
})

test('the least recently used content goes first', () => {
  const cache = createContentCache(20)
  const [a, b, c] = ['aaaaaaaaaa', 'bbbbbbbbbb', 'cccccccccc'].map((text) => Buffer.from(text)) as [
    Buffer,
    Buffer,
    Buffer,
  ]
  cache.put(sha256(a), a)
  cache.put(sha256(b), b)
  cache.get(sha256(a))
  cache.put(sha256(c), c)
  expect([a, b, c].map((content) => cache.get(sha256(content)) !== undefined)).toEqual([true, false, true])
})

test('large content is not kept', () => {
  const cache = createContentCache(1 << 20)
  const content = Buffer.alloc(SMALL_BYTES + 1)
  cache.put(sha256(content), content)
  expect(cache.get(sha256(content))).toBeUndefined()
})

test('a remembered tag is forgotten when it moves, when it goes, and when its manifest goes', async () => {
  const registry = await testRegistry()
  const digestOf = async (tag: string) => {
    const head = await registry.request('HEAD', `/v2/a/manifests/${tag}`)
    return head.status === 200 ? head.headers.get('docker-content-digest') : head.status
  }
  const one = await pushImage(registry, 'a', 'one')
  const body = async () => (await registry.request('GET', '/v2/a/manifests/moving')).text()
  const move = (content: string) =>
    registry.request('PUT', '/v2/a/manifests/moving', { headers: { 'content-type': one.mediaType }, body: content })
  expect(await digestOf('moving')).toBe(404)
  await move(one.body)
  expect(await digestOf('moving')).toBe(one.digest)
  expect(await body()).toBe(one.body)
  await move(`${one.body} `)
  expect(await digestOf('moving')).toBe(sha256(`${one.body} `))
  expect(await body()).toBe(`${one.body} `)
  await registry.request('DELETE', '/v2/a/manifests/moving')
  expect(await digestOf('moving')).toBe(404)
  await registry.request('DELETE', `/v2/a/manifests/${one.digest}`)
  expect(await digestOf('one')).toBe(404)
})

test('a small blob from memory is gone for everybody the moment it is removed', async () => {
  const registry = await testRegistry()
  const { digest } = await pushImage(registry, 'a', 'one')
  const config = sha256('{}')
  const get = async () => (await registry.request('GET', `/v2/a/blobs/${config}`)).status
  expect([await get(), await get()]).toEqual([200, 200])
  await registry.request('DELETE', `/v2/a/manifests/${digest}`)
  await registry.request('DELETE', `/v2/a/blobs/${config}`)
  expect(await get()).toBe(404)
})
