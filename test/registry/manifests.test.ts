import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { sha256 } from '../../src/shared/digest.ts'
import type { TestRegistry } from './support/open-registry.ts'
import { codes, IMAGE, INDEX, pushBlob, pushImage, testRegistry } from './support/open-registry.ts'

const sha512 = (text: string) => `sha512:${createHash('sha512').update(text).digest('hex')}`
const CONFIG = 'application/vnd.oci.image.config.v1+json'
const MISSING = { mediaType: 'application/octet-stream', digest: sha256('missing'), size: 7 }

function put(registry: TestRegistry, reference: string, body: string, type: string = IMAGE) {
  return registry.request('PUT', `/v2/a/manifests/${reference}`, { headers: { 'content-type': type }, body })
}

test('a manifest comes back byte for byte, by tag and by digest, with the type it was pushed with', async () => {
  const registry = await testRegistry()
  const { digest, body, response } = await pushImage(registry, 'a', 'v1', { unknown: { field: [1] } })
  expect(response.headers.get('location')).toBe(`/v2/a/manifests/${digest}`)
  expect(response.headers.get('docker-content-digest')).toBe(digest)
  for (const [reference, cache] of [
    ['v1', 'no-cache'],
    [digest, 'max-age=31536000, immutable'],
  ]) {
    const found = await registry.request('GET', `/v2/a/manifests/${reference}`, { headers: { accept: 'text/html' } })
    expect(await found.text()).toBe(body)
    expect(Object.fromEntries(found.headers)).toMatchObject({
      'content-type': IMAGE,
      'content-length': String(body.length),
      'docker-content-digest': digest,
      etag: `"${digest}"`,
      'cache-control': cache,
    })
    const headers = { 'if-none-match': `"${digest}"` }
    expect((await registry.request('GET', `/v2/a/manifests/${reference}`, { headers })).status).toBe(304)
  }
})

test.for<[string, string, string, number, string]>([
  ['no JSON', IMAGE, '{', 400, 'MANIFEST_INVALID'],
  ['no object', IMAGE, '[]', 400, 'MANIFEST_INVALID'],
  ['no media type', '', '{"schemaVersion":2}', 400, 'MANIFEST_INVALID'],
  ['a media type that is none', '', '{"mediaType":"a/b\\nx"}', 400, 'MANIFEST_INVALID'],
  ['another media type inside', IMAGE, `{"mediaType":"${INDEX}"}`, 400, 'MANIFEST_INVALID'],
  ['schema 1', 'application/vnd.docker.distribution.manifest.v1+prettyjws', '{}', 400, 'MANIFEST_INVALID'],
  ['a layer without digest', IMAGE, '{"layers":[{}]}', 400, 'MANIFEST_INVALID'],
  ['layers that are no list', IMAGE, '{"layers":{}}', 400, 'MANIFEST_INVALID'],
  ['a missing layer', IMAGE, JSON.stringify({ layers: [MISSING] }), 404, 'MANIFEST_BLOB_UNKNOWN'],
  ['a missing platform', INDEX, JSON.stringify({ manifests: [MISSING] }), 404, 'MANIFEST_BLOB_UNKNOWN'],
  ['9 MiB', IMAGE, `{"layers":[],"x":"${'x'.repeat(9 << 20)}"}`, 413, 'TOO_LARGE'],
])('a manifest with %s is refused', async ([, type, body, status, code]) => {
  const registry = await testRegistry()
  const response = await put(registry, 'v1', body, type)
  expect(response.status).toBe(status)
  expect(await codes(response)).toEqual([code])
  expect((await registry.request('HEAD', '/v2/a/manifests/v1')).status).toBe(404)
})

test('every problem of a manifest is named with its place', async () => {
  const registry = await testRegistry()
  const response = await put(registry, 'v1', JSON.stringify({ config: 1, layers: [MISSING, { digest: 'x' }] }))
  const { errors } = (await response.json()) as { errors: { detail: { problems: { path: string }[] } }[] }
  expect(errors[0]?.detail.problems.map(({ path }) => path)).toEqual(['/config', '/layers/1'])
})

test.for<[string, string, string]>([
  ['no layers', IMAGE, JSON.stringify({ schemaVersion: 2, layers: [] })],
  ['an empty index', INDEX, JSON.stringify({ schemaVersion: 2, manifests: [] })],
  ['a type with parameters', `${IMAGE}; charset=utf-8`, '{"schemaVersion":2}'],
  ['4 MiB of annotations', IMAGE, JSON.stringify({ annotations: { a: 'x'.repeat(4 << 20) } })],
  ['a subject that is not here', IMAGE, JSON.stringify({ subject: MISSING })],
  [
    'layers from elsewhere',
    IMAGE,
    JSON.stringify({
      layers: [
        { ...MISSING, urls: ['https://example.com/x'] },
        { ...MISSING, mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip' },
      ],
    }),
  ],
  ['a type of its own', 'application/vnd.example+json', '{"anything":true}'],
  ['Docker schema 2', 'application/vnd.docker.distribution.manifest.v2+json', '{"schemaVersion":2,"layers":[]}'],
])('a manifest with %s is stored', async ([, type, body]) => {
  const registry = await testRegistry()
  expect((await put(registry, 'v1', body, type)).status).toBe(201)
  const found = await registry.request('GET', '/v2/a/manifests/v1')
  expect(found.headers.get('content-type')).toBe(type.split(';')[0])
  expect(await found.text()).toBe(body)
})

test('an index of which thousands of parts are missing is answered in short', async () => {
  const registry = await testRegistry()
  const digest = (index: number) => `sha256:${index.toString(16).padStart(64, '0')}`
  const manifests = Array.from({ length: 5000 }, (_, index) => ({ ...MISSING, digest: digest(index) }))
  const response = await put(registry, 'v1', JSON.stringify({ manifests }), INDEX)
  const text = await response.text()
  expect(text.length).toBeLessThan(10_000)
  expect(JSON.parse(text).errors[0]).toMatchObject({ code: 'MANIFEST_BLOB_UNKNOWN', detail: { count: 5000 } })
})

test('references of another repository do not count', async () => {
  const registry = await testRegistry()
  const layer = await pushBlob(registry, 'other', 'layer')
  expect((await put(registry, 'v1', JSON.stringify({ layers: [layer] }))).status).toBe(404)
})

test('sparse manifests are stored when that is allowed', async () => {
  const registry = await testRegistry({ sparse: true })
  expect((await put(registry, 'v1', JSON.stringify({ layers: [MISSING] }))).status).toBe(201)
})

test('an index of an index of an image is stored', async () => {
  const registry = await testRegistry()
  const { digest, size, mediaType } = await pushImage(registry, 'a', undefined)
  const inner = JSON.stringify({ schemaVersion: 2, manifests: [{ digest, size, mediaType }] })
  expect((await put(registry, sha256(inner), inner, INDEX)).status).toBe(201)
  const child = { digest: sha256(inner), size: inner.length, mediaType: INDEX }
  expect((await put(registry, 'outer', JSON.stringify({ manifests: [child] }), INDEX)).status).toBe(201)
})

test('a manifest pushed by its sha512 is that digest everywhere', async () => {
  const registry = await testRegistry()
  const body = '{"schemaVersion":2,"layers":[]}'
  const digest = sha512(body)
  const pushed = await put(registry, `${digest}?tag=one&tag=two`, body)
  expect(pushed.status).toBe(201)
  expect(pushed.headers.get('docker-content-digest')).toBe(digest)
  expect(pushed.headers.get('oci-tag')).toBe('one, two')
  const found = await registry.request('HEAD', '/v2/a/manifests/two')
  expect(found.headers.get('docker-content-digest')).toBe(digest)
  expect((await registry.request('HEAD', `/v2/a/manifests/${sha256(body)}`)).status).toBe(404)
})

test('a manifest that does not match the digest it is pushed by is refused', async () => {
  const registry = await testRegistry()
  for (const digest of [sha256('other'), sha512('other')]) {
    expect(await codes(await put(registry, digest, '{"layers":[]}'))).toEqual(['DIGEST_INVALID'])
  }
})

test('deleting a tag leaves the manifest and its other tags', async () => {
  const registry = await testRegistry()
  const { digest, body } = await pushImage(registry, 'a', 'one')
  await put(registry, 'two', body)
  expect((await registry.request('DELETE', '/v2/a/manifests/one')).status).toBe(202)
  expect((await registry.request('HEAD', '/v2/a/manifests/one')).status).toBe(404)
  expect((await registry.request('HEAD', '/v2/a/manifests/two')).status).toBe(200)
  expect((await registry.request('HEAD', `/v2/a/manifests/${digest}`)).status).toBe(200)
})

test('deleting a manifest takes its tags with it, but not those of another repository', async () => {
  const registry = await testRegistry()
  const { digest } = await pushImage(registry, 'a', 'one')
  await pushImage(registry, 'b', 'one')
  expect((await registry.request('DELETE', `/v2/a/manifests/${digest}`)).status).toBe(202)
  expect((await registry.request('HEAD', '/v2/a/manifests/one')).status).toBe(404)
  expect((await registry.request('HEAD', '/v2/b/manifests/one')).status).toBe(200)
})

test('a tag moves to what was pushed last', async () => {
  const registry = await testRegistry()
  await pushImage(registry, 'a', 'v1')
  const { digest } = await pushImage(registry, 'a', 'v1', { annotations: { newer: 'yes' } })
  const found = await registry.request('HEAD', '/v2/a/manifests/v1')
  expect(found.headers.get('docker-content-digest')).toBe(digest)
})

test('OCI-Subject answers a manifest with a subject, known or not', async () => {
  const registry = await testRegistry()
  const body = JSON.stringify({
    subject: MISSING,
    config: { ...(await pushBlob(registry, 'a', '{}')), mediaType: CONFIG },
  })
  expect((await put(registry, 'v1', body)).headers.get('oci-subject')).toBe(MISSING.digest)
})
