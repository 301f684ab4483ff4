import { expect, test } from 'vitest'
import { OciError } from '../../src/registry/errors.ts'
import { codes, pushBlob, pushImage, served, testRegistry } from './support/open-registry.ts'

const ZERO = `sha256:${'0'.repeat(64)}`

test.for<[string, string, number, string | undefined]>([
  ['GET', '/v2/', 200, undefined],
  ['GET', '/v2', 200, undefined],
  ['GET', '/v2/nothing', 404, 'NAME_UNKNOWN'],
  ['GET', '/v2/nothing/here/at/all', 404, 'NAME_UNKNOWN'],
  ['GET', '/v2/Upper/manifests/latest', 400, 'NAME_INVALID'],
  ['GET', '/v2/a%2fb/manifests/latest', 400, 'NAME_INVALID'],
  ['GET', '/v2/a/%2e%2e/b/manifests/latest', 404, 'MANIFEST_UNKNOWN'], // the URL standard resolves it
  ['GET', `/v2/${'a/'.repeat(130)}b/manifests/latest`, 400, 'NAME_INVALID'],
  ['GET', '/v2/a/manifests/latest', 404, 'MANIFEST_UNKNOWN'],
  ['GET', `/v2/a/manifests/${ZERO}`, 404, 'MANIFEST_UNKNOWN'],
  ['GET', '/v2/a/manifests/sha256:baddigest', 400, 'DIGEST_INVALID'],
  ['PUT', '/v2/a/manifests/sha256:baddigest', 400, 'DIGEST_INVALID'],
  ['PUT', '/v2/a/manifests/bad!tag', 400, 'MANIFEST_INVALID'],
  ['GET', `/v2/a/blobs/${ZERO}`, 404, 'BLOB_UNKNOWN'],
  ['GET', '/v2/a/blobs/md5:0', 400, 'DIGEST_INVALID'],
  ['GET', '/v2/blobs/uploads/manifests/latest', 404, 'MANIFEST_UNKNOWN'],
  ['GET', '/v2/a/blobs/uploads/unknown', 404, 'BLOB_UPLOAD_UNKNOWN'],
  ['PATCH', '/v2/a/blobs/uploads/unknown', 404, 'BLOB_UPLOAD_UNKNOWN'],
  ['DELETE', '/v2/a/blobs/uploads/unknown', 404, 'BLOB_UPLOAD_UNKNOWN'],
  ['POST', '/v2/a/blobs/uploads/?digest-algorithm=md5', 400, 'DIGEST_INVALID'],
  ['POST', '/v2/a/tags/list', 405, 'UNSUPPORTED'],
  ['PATCH', '/v2/a/manifests/latest', 405, 'UNSUPPORTED'],
  ['GET', '/v2/a/tags/list', 404, 'NAME_UNKNOWN'],
  ['GET', '/v2/a/tags/list?n=x', 404, 'NAME_UNKNOWN'],
  ['GET', '/v2/_catalog?n=-1', 400, 'PAGINATION_NUMBER_INVALID'],
  ['GET', '/v2/a/referrers/latest', 400, 'DIGEST_INVALID'],
  ['GET', `/v2/a/referrers/${ZERO}`, 200, undefined],
  ['DELETE', `/v2/a/blobs/${ZERO}`, 404, 'BLOB_UNKNOWN'],
  ['DELETE', '/v2/a/manifests/latest', 404, 'MANIFEST_UNKNOWN'],
])('%s %s answers %i %s', async ([method, path, status, code]) => {
  const registry = await testRegistry()
  const response = await registry.request(method, path)
  expect(response.status).toBe(status)
  expect(response.headers.get('docker-distribution-api-version')).toBe('registry/2.0')
  if (code === undefined) return
  expect(response.headers.get('content-type')).toContain('application/json')
  expect(await codes(response)).toEqual([code])
})

test('a path that is no registry path at all is answered in the same form', async () => {
  const registry = await testRegistry()
  expect(await codes(await registry.request('GET', '/v3/'))).toEqual(['NAME_UNKNOWN'])
})

test('a name may end in the words of the endpoints', async () => {
  const registry = await testRegistry()
  for (const name of ['blobs/blobs', 'a/manifests/b', 'tags/list', 'x/blobs/uploads']) {
    const { digest } = await pushBlob(registry, name, name)
    expect((await registry.request('HEAD', `/v2/${name}/blobs/${digest}`)).status).toBe(200)
    await pushImage(registry, name, 'v1')
    expect((await registry.request('GET', `/v2/${name}/tags/list`)).status).toBe(200)
  }
})

test('the colon of a digest may be escaped', async () => {
  const registry = await testRegistry()
  const { digest } = await pushBlob(registry, 'a', 'x')
  expect((await registry.request('HEAD', `/v2/a/blobs/${digest.replace(':', '%3A')}`)).status).toBe(200)
})

test('405 names the methods that are supported', async () => {
  const registry = await testRegistry()
  const response = await registry.request('POST', '/v2/a/manifests/x')
  expect(response.headers.get('allow')).toBe('GET, HEAD, PUT, DELETE')
})

test('each endpoint asks for its own right before it looks at anything', async () => {
  const asked: unknown[] = []
  const registry = await testRegistry({
    authorize: async ({ repository, access }) => {
      asked.push([repository, access])
      throw new OciError('DENIED')
    },
  })
  const calls: [string, string][] = [
    ['GET', '/v2/'],
    ['GET', '/v2/_catalog'],
    ['HEAD', '/v2/a/b/manifests/x'],
    ['PUT', '/v2/a/manifests/x'],
    ['DELETE', '/v2/a/manifests/x'],
    ['POST', '/v2/a/blobs/uploads/'],
    ['DELETE', '/v2/a/blobs/uploads/x'],
    ['DELETE', `/v2/a/blobs/${ZERO}`],
  ]
  for (const [method, path] of calls) expect((await registry.request(method, path)).status).toBe(403)
  expect(asked).toEqual([
    [undefined, 'pull'],
    [undefined, 'catalog'],
    ['a/b', 'pull'],
    ['a', 'push'],
    ['a', 'delete'],
    ['a', 'push'],
    ['a', 'push'],
    ['a', 'delete'],
  ])
})

test('401 carries the challenge, and an empty login of podman is nobody', async () => {
  const seen: (string | undefined)[] = []
  const registry = await testRegistry({
    authorize: async ({ authorization }) => {
      seen.push(authorization)
      if (authorization === undefined) throw new OciError('UNAUTHORIZED')
    },
  })
  const anonymous = await registry.request('GET', '/v2/', { headers: { authorization: 'Basic Og==' } })
  expect(anonymous.status).toBe(401)
  expect(anonymous.headers.get('www-authenticate')).toBe('Basic realm="provisioner"')
  expect(await codes(anonymous)).toEqual(['UNAUTHORIZED'])
  expect((await registry.request('GET', '/v2/', { headers: { authorization: 'Basic eDp5' } })).status).toBe(200)
  expect(seen).toEqual([undefined, 'Basic eDp5'])
})

test('a bug is 500 without a word about its inside', async () => {
  const registry = await testRegistry({
    authorize: async () => {
      throw new TypeError('secret detail')
    },
  })
  const response = await registry.request('GET', '/v2/')
  expect(response.status).toBe(500)
  expect(await response.text()).not.toContain('secret')
})

test('HEAD over a real connection has the length and no body', async () => {
  const registry = await testRegistry()
  const { digest } = await pushBlob(registry, 'a', 'content')
  const image = await pushImage(registry, 'a', 'v1')
  const { url } = await served(registry)
  const blob = await fetch(`${url}/v2/a/blobs/${digest}`, { method: 'HEAD' })
  expect([blob.status, blob.headers.get('content-length')]).toEqual([200, '7'])
  const manifest = await fetch(`${url}/v2/a/manifests/v1`, { method: 'HEAD' })
  expect(manifest.headers.get('content-length')).toBe(String(image.size))
  expect(manifest.headers.get('docker-content-digest')).toBe(image.digest)
  expect(manifest.headers.get('docker-distribution-api-version')).toBe('registry/2.0')
})
