import { readdirSync, truncateSync, unlinkSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { blobPath } from '../../src/registry/storage/paths.ts'
import { codes, pushBlob, served, testRegistry } from './support/open-registry.ts'

const CONTENT = 'abcdefghijklmnopqrstuvwxyz'

async function stored() {
  const registry = await testRegistry()
  const { digest } = await pushBlob(registry, 'a/b', CONTENT)
  return { registry, digest, path: `/v2/a/b/blobs/${digest}` }
}

test('a blob comes back whole with the headers that clients need', async () => {
  const { registry, digest, path } = await stored()
  const response = await registry.request('GET', path)
  expect(await response.text()).toBe(CONTENT)
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-length': '26',
    'content-type': 'application/octet-stream',
    'docker-content-digest': digest,
    'accept-ranges': 'bytes',
    etag: `"${digest}"`,
    'cache-control': 'max-age=31536000, immutable',
  })
})

test.for<[string, number, string | null, string]>([
  ['bytes=0-0', 206, 'bytes 0-0/26', 'a'],
  ['bytes=20-', 206, 'bytes 20-25/26', 'uvwxyz'],
  ['bytes=-3', 206, 'bytes 23-25/26', 'xyz'],
  ['bytes=20-99', 206, 'bytes 20-25/26', 'uvwxyz'],
  ['chunks=1-2', 200, null, CONTENT],
])('Range: %s is answered %i %s', async ([range, status, contentRange, body]) => {
  const { registry, path } = await stored()
  const response = await registry.request('GET', path, { headers: { range } })
  expect(response.status).toBe(status)
  expect(response.headers.get('content-range')).toBe(contentRange)
  expect(response.headers.get('content-length')).toBe(String(body.length))
  expect(await response.text()).toBe(body)
})

test.for(['bytes=26-', 'bytes=500-0'])('Range: %s cannot be satisfied', async (range) => {
  const { registry, path } = await stored()
  const response = await registry.request('GET', path, { headers: { range } })
  expect(response.status).toBe(416)
  expect(response.headers.get('content-range')).toBe('bytes */26')
  expect(await codes(response)).toEqual(['RANGE_INVALID'])
})

test('several ranges come as multipart/byteranges of exact length, over app.request and over a socket', async () => {
  const { registry, path } = await stored()
  const { url } = await served(registry)
  const headers = { range: 'bytes=0-1,24-25' }
  for (const response of [await registry.request('GET', path, { headers }), await fetch(url + path, { headers })]) {
    expect(response.status).toBe(206)
    const type = response.headers.get('content-type') ?? ''
    const boundary = /^multipart\/byteranges; boundary=([A-Za-z0-9]+)$/.exec(type)?.[1]
    const body = await response.text()
    expect(response.headers.get('content-length')).toBe(String(body.length))
    expect(body.split(`--${boundary}`).map((part) => part.split('\r\n\r\n')[1]?.trim())).toEqual([
      undefined,
      'ab',
      'yz',
      undefined,
    ])
  }
})

test('1023 ranges in a header of 20 KB are answered, as podman asks for them', async () => {
  const registry = await testRegistry()
  const content = Buffer.alloc(1 << 20, CONTENT)
  const { digest } = await pushBlob(registry, 'a', content)
  const { url } = await served(registry)
  const ranges = Array.from({ length: 1023 }, (_, i) => `${i * 1000}-${i * 1000 + 99}`)
  const response = await fetch(`${url}/v2/a/blobs/${digest}`, {
    headers: { range: `bytes=${ranges.join(',')}`, 'x-padding': 'x'.repeat(20_000) },
  })
  const body = Buffer.from(await response.arrayBuffer())
  expect(response.status).toBe(206)
  expect(body.length).toBe(Number(response.headers.get('content-length')))
  expect(body.toString().match(/Content-Range:/g)).toHaveLength(1023)
})

test.for<[Record<string, string>, (digest: string) => Record<string, string>, number]>([
  [{}, (digest) => ({ 'if-none-match': `"${digest}"` }), 304],
  [{}, (digest) => ({ 'if-none-match': `"other", W/"${digest}"` }), 304],
  [{}, () => ({ 'if-none-match': '"other"' }), 200],
  [{ range: 'bytes=0-1' }, (digest) => ({ 'if-range': `"${digest}"` }), 206],
  [{ range: 'bytes=0-1' }, () => ({ 'if-range': '"other"' }), 200],
])('conditions %o are honoured', async ([headers, condition, status]) => {
  const { registry, digest, path } = await stored()
  const response = await registry.request('GET', path, { headers: { ...headers, ...condition(digest) } })
  expect(response.status).toBe(status)
  await response.body?.cancel()
})

test('HEAD ignores Range and opens no file', async () => {
  const { registry, path } = await stored()
  const open = () => readdirSync('/proc/self/fd').length
  await registry.request('HEAD', path)
  const before = open()
  for (let i = 0; i < 20; i++) {
    const response = await registry.request('HEAD', path, { headers: { range: 'bytes=0-1' } })
    expect([response.status, response.headers.get('content-length')]).toEqual([200, '26'])
  }
  expect(open()).toBeLessThan(before + 10)
})

test('behind a login no shared cache may keep a blob', async () => {
  const { registry, path } = await stored()
  const response = await registry.request('HEAD', path, { headers: { authorization: 'Basic eDp5' } })
  expect(response.headers.get('cache-control')).toBe('private, max-age=31536000, immutable')
})

test('a blob is only visible in the repositories that hold it, and leaves one at a time', async () => {
  const { registry, digest, path } = await stored()
  expect((await registry.request('HEAD', `/v2/other/blobs/${digest}`)).status).toBe(404)
  await pushBlob(registry, 'other', CONTENT)
  expect((await registry.request('DELETE', path)).status).toBe(202)
  expect((await registry.request('HEAD', path)).status).toBe(404)
  expect((await registry.request('HEAD', `/v2/other/blobs/${digest}`)).status).toBe(200)
})

test.for(['truncated', 'missing'])('a %s file is never served as good, and the next push heals it', async (how) => {
  const { registry, digest, path } = await stored()
  const file = blobPath(registry.root, digest)
  if (how === 'truncated') truncateSync(file, 5)
  else unlinkSync(file)
  expect((await registry.request('GET', path)).status).toBe(500)
  expect((await registry.request('HEAD', path)).status).toBe(404)
  await pushBlob(registry, 'a/b', CONTENT)
  expect(await (await registry.request('GET', path)).text()).toBe(CONTENT)
})

test('pushing again replaces bytes that have rotted in place', async () => {
  const { registry, digest, path } = await stored()
  await writeFile(blobPath(registry.root, digest), 'X'.repeat(26))
  await pushBlob(registry, 'a/b', CONTENT)
  expect(await (await registry.request('GET', path)).text()).toBe(CONTENT)
  expect(await readFile(blobPath(registry.root, digest), 'utf8')).toBe(CONTENT)
})

test('an empty blob is served', async () => {
  const registry = await testRegistry()
  const { digest } = await pushBlob(registry, 'a', '')
  const { url } = await served(registry)
  const response = await fetch(`${url}/v2/a/blobs/${digest}`)
  expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([200, '0', ''])
})
