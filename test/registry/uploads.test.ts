import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { OciError } from '../../src/registry/errors.ts'
import { sha256 } from '../../src/shared/digest.ts'
import type { TestRegistry } from './support/open-registry.ts'
import { codes, pushBlob, served, testRegistry } from './support/open-registry.ts'

async function begin(registry: TestRegistry, repository = 'a', query = ''): Promise<string> {
  const response = await registry.request('POST', `/v2/${repository}/blobs/uploads/${query}`)
  expect(response.status).toBe(202)
  return response.headers.get('location') ?? ''
}

async function content(registry: TestRegistry, digest: string, repository = 'a'): Promise<string> {
  const response = await registry.request('GET', `/v2/${repository}/blobs/${digest}`)
  return response.status === 200 ? response.text() : `status ${response.status}`
}

const sha512 = (text: string) => `sha512:${createHash('sha512').update(text).digest('hex')}`

/** Every way a client may send a blob. */
const SHAPES: Record<string, (registry: TestRegistry, text: string, digest: string) => Promise<Response>> = {
  'POST with everything': (registry, body, digest) =>
    registry.request('POST', `/v2/a/blobs/uploads/?digest=${digest}`, { body }),
  'POST, PUT with everything': async (registry, body, digest) =>
    registry.request('PUT', `${await begin(registry)}?digest=${digest}`, { body }),
  'POST, PATCH, empty PUT': async (registry, body, digest) => {
    const location = await begin(registry)
    await registry.request('PATCH', location, { body })
    return registry.request('PUT', `${location}?digest=${digest}`)
  },
  'POST, chunks, last chunk in PUT': async (registry, text, digest) => {
    const location = await begin(registry)
    const middle = Math.floor(text.length / 2)
    if (middle > 0) {
      const headers = { 'content-range': `0-${middle - 1}` }
      const response = await registry.request('PATCH', location, { headers, body: text.slice(0, middle) })
      expect(response.headers.get('range')).toBe(`0-${middle - 1}`)
    }
    const headers: Record<string, string> = text.length === 0 ? {} : { 'content-range': `${middle}-${text.length - 1}` }
    return registry.request('PUT', `${location}?digest=${digest}`, { headers, body: text.slice(middle) })
  },
}

test.for(
  Object.keys(SHAPES).flatMap((shape) =>
    ['some content', '{}', ''].flatMap((text) =>
      [sha256, sha512].map((digest) => [shape, text, digest(text)] as const),
    ),
  ),
)('%s of "%s" as %s is stored', async ([shape, text, digest]) => {
  const registry = await testRegistry()
  const response = await SHAPES[shape]?.(registry, text, digest)
  expect(response?.status).toBe(201)
  expect(response?.headers.get('location')).toBe(`/v2/a/blobs/${digest}`)
  expect(response?.headers.get('docker-content-digest')).toBe(digest)
  expect(await content(registry, digest)).toBe(text)
  expect(await readdir(join(registry.root, 'uploads'))).toEqual([])
})

test.for(Object.keys(SHAPES))('%s with another digest is refused, and nothing is kept', async (shape) => {
  const registry = await testRegistry()
  const digest = sha256('something else')
  const response = await SHAPES[shape]?.(registry, 'some content', digest)
  expect(response?.status).toBe(400)
  expect(await codes(response ?? new Response('{}'))).toEqual(['DIGEST_INVALID'])
  expect(await content(registry, digest)).toBe('status 404')
  expect(await readdir(join(registry.root, 'uploads'))).toEqual([])
})

test('a session tells how far it is, and every Location it gave works', async () => {
  const registry = await testRegistry()
  const first = await begin(registry, 'a', '?digest-algorithm=sha512')
  const status = await registry.request('GET', first)
  expect([status.status, status.headers.get('range')]).toEqual([204, '0-0'])
  const patched = await registry.request('PATCH', first, { body: 'abc' })
  expect([patched.status, patched.headers.get('range')]).toEqual([202, '0-2'])
  expect(patched.headers.get('location')).toBe(first)
  expect((await registry.request('GET', first)).headers.get('range')).toBe('0-2')
})

test.for([
  ['PATCH', '5-6'],
  ['PATCH', '0-1'],
  ['PUT', '5-6'],
])('%s with Content-Range %s out of order is 416, and the session goes on', async ([method, range]) => {
  const registry = await testRegistry()
  const location = await begin(registry)
  await registry.request('PATCH', location, { body: 'abc' })
  const query = method === 'PUT' ? `?digest=${sha256('abcde')}` : ''
  const headers = { 'content-range': range ?? '' }
  const response = await registry.request(method ?? '', location + query, { headers, body: 'de' })
  expect(response.status).toBe(416)
  expect(response.headers.get('location')).toBe(location)
  expect(response.headers.get('range')).toBe('0-2')
  const finish = `${location}?digest=${sha256('abcde')}`
  const last = await registry.request('PUT', finish, { headers: { 'content-range': '3-4' }, body: 'de' })
  expect(last.status).toBe(201)
})

test.for<[string, string]>([
  ['0-9', 'SIZE_INVALID'],
  ['9-0', 'BLOB_UPLOAD_INVALID'],
  ['bytes 0-2/*', ''],
  ['nonsense', 'BLOB_UPLOAD_INVALID'],
])('Content-Range %s over three bytes gives "%s"', async ([range, code]) => {
  const registry = await testRegistry()
  const response = await registry.request('PATCH', await begin(registry), {
    headers: { 'content-range': range },
    body: 'abc',
  })
  expect(response.status === 202 ? [''] : await codes(response)).toEqual([code])
})

test('a cancelled session is gone, its bytes too', async () => {
  const registry = await testRegistry()
  const location = await begin(registry)
  await registry.request('PATCH', location, { body: 'abc' })
  expect((await registry.request('DELETE', location)).status).toBe(204)
  for (const method of ['GET', 'PATCH', 'DELETE']) expect((await registry.request(method, location)).status).toBe(404)
  expect(await readdir(join(registry.root, 'uploads'))).toEqual([])
})

test('a session belongs to its repository', async () => {
  const registry = await testRegistry()
  const location = await begin(registry, 'a')
  expect((await registry.request('PATCH', location.replace('/v2/a/', '/v2/b/'), { body: 'x' })).status).toBe(404)
})

test('a session survives a restart of the registry', async () => {
  const before = await testRegistry()
  const location = await begin(before)
  await before.request('PATCH', location, { body: 'first ' })
  await before.close()
  const after = await testRegistry({ root: before.root })
  expect((await after.request('GET', location)).headers.get('range')).toBe('0-5')
  const digest = sha256('first second')
  const response = await after.request('PUT', `${location}?digest=${digest}`, { body: 'second' })
  expect(response.status).toBe(201)
  expect(await content(after, digest)).toBe('first second')
})

test('sessions nobody touched for a day are removed at the start', async () => {
  const before = await testRegistry()
  const location = await begin(before)
  await before.close()
  const clock = { now: () => new Date(Date.now() + 25 * 3_600_000) }
  const after = await testRegistry({ root: before.root, clock })
  expect((await after.request('GET', location)).status).toBe(404)
  expect(await readdir(join(after.root, 'uploads'))).toEqual([])
})

test('a session has one writer: the second is told so, and the first is not disturbed', async () => {
  const registry = await testRegistry()
  const location = await begin(registry)
  const { promise: gate, resolve: open } = Promise.withResolvers<void>()
  async function* slowly() {
    yield Buffer.from('slow ')
    await gate
    yield Buffer.from('client')
  }
  const first = registry.app.request(location, {
    method: 'PATCH',
    body: ReadableStream.from(slowly()),
    duplex: 'half',
  } as RequestInit)
  await expect.poll(async () => (await registry.request('PATCH', location, { body: 'x' })).status).toBe(409)
  open()
  expect((await (await first).headers.get('range')) ?? '').toBe('0-10')
  const digest = sha256('slow client')
  expect((await registry.request('PUT', `${location}?digest=${digest}`)).status).toBe(201)
})

test('what a client sent before it went away is kept and can be continued', async () => {
  const registry = await testRegistry()
  const server = await served(registry)
  const location = await begin(registry)
  const body = Buffer.alloc(3 << 20, 'some content ')
  const received = async () => {
    const { headers } = await registry.request('GET', location)
    return Number(headers.get('range')?.slice(2)) + 1
  }
  const socket = connect(server.port, '127.0.0.1')
  socket.write(`PATCH ${location} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`)
  socket.write(body.subarray(0, 2 << 20))
  // It can be watched while it arrives.
  await expect.poll(received).toBeGreaterThanOrEqual(1 << 20)
  socket.destroy()
  await expect.poll(async () => (await registry.request('PATCH', location)).status).toBe(202)
  const rest = body.subarray(await received())
  const digest = sha256(body)
  expect((await registry.request('PUT', `${location}?digest=${digest}`, { body: rest })).status).toBe(201)
})

test.for([
  ['?mount=DIGEST&from=source', 201],
  ['?mount=DIGEST&from=source&origin=host', 201],
  ['?mount=DIGEST', 201],
  ['?mount=DIGEST&from=elsewhere', 202],
  [`?mount=${sha256('missing')}&from=source`, 202],
  [`?mount=${sha256('missing')}`, 202],
] as const)('POST %s answers %i', async ([query, status]) => {
  const registry = await testRegistry()
  const { digest } = await pushBlob(registry, 'source', 'mounted')
  const response = await registry.request('POST', `/v2/target/blobs/uploads/${query.replace('DIGEST', digest)}`)
  expect(response.status).toBe(status)
  expect(await content(registry, digest, 'target')).toBe(status === 201 ? 'mounted' : 'status 404')
})

test.for(['&from=secret', ''])('a blob the caller may not pull is not mounted%s', async (from) => {
  const registry = await testRegistry({
    authorize: async ({ repository, access, authorization }) => {
      if (repository === 'secret' && access === 'pull' && authorization === undefined) throw new OciError('DENIED')
    },
  })
  const { digest } = await pushBlob(registry, 'secret', 'hidden')
  expect((await registry.request('POST', `/v2/mine/blobs/uploads/?mount=${digest}${from}`)).status).toBe(202)
})

test('a push that would fill the disk is refused with 507 before it is read, and its session is gone', async () => {
  const registry = await testRegistry({ reserveBytes: Number.MAX_SAFE_INTEGER })
  const location = await begin(registry)
  const response = await registry.request('PATCH', location, { body: 'x' })
  expect(response.status).toBe(507)
  expect(await codes(response)).toEqual(['STORAGE_FULL'])
  expect((await registry.request('GET', location)).status).toBe(404)
  expect(await readdir(join(registry.root, 'uploads'))).toEqual([])
})

test('two pushes of one blob at the same time both succeed', async () => {
  const registry = await testRegistry()
  const text = 'x'.repeat(3 << 20)
  await Promise.all([pushBlob(registry, 'a', text), pushBlob(registry, 'b', text)])
  expect(await content(registry, sha256(text), 'b')).toBe(text)
})
