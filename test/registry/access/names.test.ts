import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import type { AddressInfo, Socket } from 'node:net'
import { connect } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { sha256 } from '../../../src/shared/digest.ts'
import { served, temporaryDirectory, testRegistry } from '../support/open-registry.ts'

/* Requests as bytes on a socket: clients and URL classes would tidy them up first. */

const SECRET = 'the content of a file beside the registry'

async function site() {
  const directory = await temporaryDirectory()
  const root = join(directory, 'registry')
  await mkdir(root)
  await writeFile(join(directory, 'secret'), SECRET)
  const registry = await testRegistry({ root })
  return { directory, root, ...(await served(registry)) }
}

/** Sends one request as it is and gives all of the answer. */
async function raw(port: AddressInfo['port'], head: string | Buffer, body = ''): Promise<string> {
  const socket: Socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => {})
  socket.write(Buffer.concat([Buffer.from(head as string), Buffer.from(body)]))
  await once(socket, 'close')
  return Buffer.concat(chunks).toString('latin1')
}

function request(method: string, target: string, body = ''): string {
  return `${method} ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n`
}

const ZERO = `sha256:${'0'.repeat(64)}`
const UP = [
  '..',
  '%2e%2e',
  '%2E%2e',
  '.%2e',
  '..%2f..',
  '..%5c..',
  '%252e%252e',
  '..\\..',
  '%c0%ae%c0%ae',
  '.',
  '%00',
  '~',
]

const HOSTILE = [
  ...UP.flatMap((up) => [
    `/v2/${up}/secret/manifests/latest`,
    `/v2/a/${up}/${up}/secret/blobs/${ZERO}`,
    `/v2/a/blobs/${up}`,
    `/v2/a/blobs/sha256:${up}`,
    `/v2/a/blobs/uploads/${up}`,
    `/v2/a/blobs/uploads/${up}/${up}/secret`,
    `/v2/a/manifests/${up}`,
    `/v2/a/tags/list?last=${up}/secret`,
    `/v2/a/referrers/${up}`,
  ]),
  '/v2/../secret',
  '/v2//etc/passwd/manifests/latest',
  '/v2/a//b/manifests/latest',
  '/v2/A/manifests/latest',
  '/v2/a%2fb/manifests/latest',
  '/v2/a;b/manifests/latest',
  '/v2/a/manifests/latest/../../../secret',
  `/v2/${'a'.repeat(256)}/manifests/latest`,
  `/v2/${'a/'.repeat(5000)}b/manifests/latest`,
  `/v2/a/manifests/${'x'.repeat(129)}`,
  `/v2/a/manifests/${'x'.repeat(30_000)}`,
  `/v2/a/blobs/uploads/${'x'.repeat(30_000)}`,
  'http://elsewhere/v2/../../secret',
  '*',
]

test('no name leads out of the root, however it is written', async () => {
  const { port, directory, root } = await site()
  const before = (await readdir(root)).toSorted()
  for (const target of HOSTILE) {
    for (const [method, body] of [
      ['GET', ''],
      ['PUT', '{}'],
      ['POST', 'x'],
      ['DELETE', ''],
    ] as const) {
      const answer = await raw(port, request(method, target, body), body)
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])
      expect(status, `${method} ${target}`).toBeGreaterThanOrEqual(400)
      expect(status, `${method} ${target}`).toBeLessThan(500)
      expect(answer).not.toContain(SECRET)
      expect(answer).not.toContain(directory)
    }
  }
  expect(await readFile(join(directory, 'secret'), 'utf8')).toBe(SECRET)
  expect(await readdir(directory)).toEqual(['registry', 'secret'])
  expect((await readdir(root)).toSorted()).toEqual(before)
})

test.for<[string, Buffer]>([
  ['a NUL in the path', Buffer.from('GET /v2/a\0b/manifests/x HTTP/1.1\r\nhost: x\r\n\r\n')],
  ['a NUL in a header', Buffer.from('GET /v2/ HTTP/1.1\r\nhost: x\r\nauthorization: Basic \0\r\n\r\n')],
  [
    'bytes that are no UTF-8',
    Buffer.from('GET /v2/\xff\xfe/manifests/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 'latin1'),
  ],
  ['a line end in the path', Buffer.from('GET /v2/a\r\nx: y/manifests/x HTTP/1.1\r\nhost: x\r\n\r\n')],
])('%s is refused', async ([, bytes]) => {
  const { port } = await site()
  expect(await raw(port, bytes)).toMatch(/^HTTP\/1\.1 4\d\d/)
})

test('a challenge repeats nothing that could end a header', async () => {
  const registry = await testRegistry({ callers: { verify: async () => undefined, recall: async () => undefined } })
  const { port } = await served(registry)
  const answer = await raw(port, request('GET', '/v2/a"%0d%0aset-cookie:%20x/manifests/x'))
  expect(answer.toLowerCase()).not.toContain('\r\nset-cookie')
})

test('whatever the name, what is stored lies below the root under names of our own', async () => {
  const registry = await testRegistry()
  const content = 'x'
  const name = fc.stringMatching(/^[a-z0-9._\-/%~ ]{1,40}$/)
  await fc.assert(
    fc.asyncProperty(name, async (repository) => {
      const path = `/v2/${repository}/blobs/uploads/?digest=${sha256(content)}`
      const response = await registry.request('POST', path, { body: content })
      expect([201, 400, 404, 405]).toContain(response.status)
    }),
    { numRuns: 200 },
  )
  const files = await readdir(join(registry.root, 'blobs'), { recursive: true, withFileTypes: true })
  expect(files.filter((file) => file.isFile())).toHaveLength(1)
})
