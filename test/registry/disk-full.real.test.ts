import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { sha256 } from '../../src/shared/digest.ts'
import { codes, pushBlob, temporaryDirectory, testRegistry } from './support/open-registry.ts'

const run = promisify(execFile)

test('on a full disk a push is 507, its space comes back at once, and pulls and smaller pushes go on', async () => {
  const root = await temporaryDirectory()
  await run('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'registry-test', root])
  onTestFinished(async () => void (await run('umount', [root])))
  const registry = await testRegistry({ root, reserveBytes: 0 })
  const { digest } = await pushBlob(registry, 'a', 'before')
  const { headers } = await registry.request('POST', '/v2/a/blobs/uploads/')
  const location = headers.get('location') ?? ''
  // Without a length nothing can be refused beforehand: the file system says when it is full.
  async function* endless() {
    for (let i = 0; i < 64; i++) yield randomBytes(1 << 20)
  }
  const patch = { method: 'PATCH', body: ReadableStream.from(endless()), duplex: 'half' } as RequestInit
  const response = await registry.app.request(location, patch)
  expect(response.status).toBe(507)
  expect(await codes(response)).toEqual(['STORAGE_FULL'])
  expect(await readdir(join(root, 'uploads'))).toEqual([])
  expect((await registry.request('GET', location)).status).toBe(404)
  expect(await (await registry.request('GET', `/v2/a/blobs/${digest}`)).text()).toBe('before')
  const large = randomBytes(4 << 20)
  expect((await pushBlob(registry, 'a', large)).digest).toBe(sha256(large))
})

test('garbage collection gives space back on a disk that the reserve keeps from being full', async () => {
  const root = await temporaryDirectory()
  await run('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'registry-test', root])
  onTestFinished(async () => void (await run('umount', [root])))
  const registry = await testRegistry({ root, reserveBytes: 1 << 20 })
  const push = (content: Uint8Array) =>
    registry.request('POST', `/v2/a/blobs/uploads/?digest=${sha256(content)}`, { body: content })
  let refused: Response | undefined
  for (let count = 0; refused === undefined && count < 20; count++) {
    const response = await push(randomBytes(1 << 20))
    if (response.status !== 201) refused = response
  }
  expect(refused?.status).toBe(507)
  const { blobs, bytes } = await registry.collectGarbage({ graceMs: 0 })
  expect(bytes).toBe(blobs * (1 << 20))
  expect(blobs).toBeGreaterThan(10)
  expect((await push(randomBytes(8 << 20))).status).toBe(201)
})
