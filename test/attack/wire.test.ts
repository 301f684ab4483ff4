import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Target } from './target.ts'
import { startTarget } from './target.ts'

let target: Target
beforeAll(async () => {
  target = await startTarget()
}, 60_000)
afterAll(() => target.close(), 60_000)

const HEAD = 'POST /api/v1/servers HTTP/1.1\r\nHost: x\r\n'
/** What would be executed if the first request were read as shorter than it is. */
const SECOND = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'

test.for<[string, string]>([
  [
    'both Content-Length and Transfer-Encoding',
    `${HEAD}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SECOND}`,
  ],
  ['two different Content-Lengths', `${HEAD}Content-Length: 0\r\nContent-Length: ${SECOND.length}\r\n\r\n${SECOND}`],
  ['a list as Content-Length', `${HEAD}Content-Length: 0, ${SECOND.length}\r\n\r\n${SECOND}`],
  ['a signed Content-Length', `${HEAD}Content-Length: +0\r\n\r\n${SECOND}`],
  ['a blank before the colon', `${HEAD}Content-Length : 0\r\n\r\n${SECOND}`],
  ['an unknown Transfer-Encoding', `${HEAD}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${SECOND}`],
  ['chunked that is not last', `${HEAD}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${SECOND}`],
  ['a chunk size that is none', `${HEAD}Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n${SECOND}`],
  ['a bare CR in a value', `${HEAD}X-A: b\rContent-Length: 0\r\n\r\n${SECOND}`],
  ['a zero byte in a value', `${HEAD}X-A: b\0c\r\n\r\n${SECOND}`],
  ['no Host', `POST /api/v1/servers HTTP/1.1\r\n\r\n${SECOND}`],
  ['a blank in the path', `GET /a b HTTP/1.1\r\nHost: x\r\n\r\n${SECOND}`],
])('%s: answered 400 at most, and what follows is not a second request', async ([, bytes]) => {
  const answer = await target.raw(bytes)
  expect(answer).not.toContain('"status":"ok"')
  expect(answer === '' || /^HTTP\/1\.1 (400|401) /.test(answer), answer.slice(0, 100)).toBe(true)
})

test('a folded header cannot smuggle another one', async () => {
  const answer = await target.raw(
    `GET /api/v1/whoami HTTP/1.1\r\nHost: x\r\nX-A: b\r\n Authorization: Bearer ${target.admin}\r\n\r\n`,
  )
  expect(answer).toMatch(/^HTTP\/1\.1 40[01] /)
})

test('more headers than anybody needs are refused, not kept', async () => {
  const answer = await target.raw(`GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(200 << 10)}\r\n\r\n`)
  expect(answer === '' || answer.startsWith('HTTP/1.1 431 ')).toBe(true)
})

/** A path as it is sent; no client of ours would send these. */
test.for([
  '/media/../../../etc/passwd',
  '/media/%2e%2e/%2e%2e/%2e%2e/etc/passwd',
  '/media/..%2f..%2f..%2fetc/passwd',
  '/media/x/..%2f..%2fkeys%2fmaster.key',
  '/media/..\\..\\keys/master.key',
  '/v2/../keys/master.key',
  '/v2/%2e%2e/%2e%2e/keys/blobs/sha256:00',
  '/v2/a/../../keys/manifests/master.key',
  '/v2/a/blobs/..%2f..%2f..%2fkeys%2fmaster.key',
  '/v2/a/blobs/uploads/..%2f..%2fx',
  '/api/static/..%2f..%2fcontroller.db',
  '/api/v1/jobs/..%2f..%2f..%2fcontroller.db',
  '/api/v1/servers/%00',
  '/ca.pem/../keys/master.key',
  '/ca.pem%2f..%2fkeys%2fmaster.key',
  '//etc/passwd',
  '/..;/etc/passwd',
  'http://127.0.0.1/../keys/master.key',
])('%s leads nowhere', async (path) => {
  const auth = `Authorization: Bearer ${target.admin}`
  const answer = await target.raw(`GET ${path} HTTP/1.1\r\nHost: x\r\n${auth}\r\nConnection: close\r\n\r\n`, 15_000)
  expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /)
  expect(answer).not.toMatch(/root:|PRIVATE KEY|SQLite format/)
})

test.for(['/healthz', '/api/v1/whoami', '/api/v1/none', '/media/guess/task.iso'])(
  '%s is answered with strict headers and without a banner',
  async (path) => {
    const { headers } = await target.call('GET', path)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(headers.get('cache-control')).toBe('no-store')
    expect([headers.get('server'), headers.get('x-powered-by'), headers.get('strict-transport-security')]).toEqual([
      null,
      null,
      null,
    ])
  },
)

test('unknown methods are told what there is, and nothing is shared with other origins', async () => {
  const refused = await target.call('PUT', '/api/v1/servers/SN1')
  expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD, PATCH, DELETE, OPTIONS'])
  const options = await target.call('OPTIONS', '/api/v1/servers', undefined, { origin: 'https://evil.example' })
  expect([options.status, options.headers.get('access-control-allow-origin')]).toEqual([204, null])
  expect(await target.raw('TRACE /healthz HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(/^HTTP\/1\.1 405 /)
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  expect((await target.call('POST', '/api/v1/servers', 'serial=SN1', form)).status).toBe(415)
})
