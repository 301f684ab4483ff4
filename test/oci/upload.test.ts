import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { pushBlob } from '../../src/oci/upload.ts'
import { uploadMemory } from '../../src/oci/upload-memory.ts'
import { sha256 } from '../../src/shared/digest.ts'
import { directory, FAST_UPLOAD, never, ourRegistry, repositoryAt } from './support.ts'

const MiB = 1 << 20

/** A way to the registry that breaks the first `times` PATCH requests after `bytes`, and notes what passes. */
async function breakingProxy(host: string, bytes: number, times: number) {
  const seen: string[] = []
  let left = times
  const server = createServer((request, response) => {
    const range = request.headers['content-range']
    seen.push([request.method, range].filter((part) => part !== undefined).join(' '))
    const { method, headers, url: path } = request
    const sent = httpRequest({ host: '127.0.0.1', port: host.split(':')[1], method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers)
      answer.pipe(response)
    })
    sent.on('error', () => request.destroy())
    if (method === 'PATCH' && left > 0) {
      left--
      breakOff(request, sent, bytes)
    } else request.pipe(sent)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

function breakOff(request: IncomingMessage, sent: ReturnType<typeof httpRequest>, bytes: number): void {
  let passed = 0
  request.on('error', () => {})
  request.on('data', (chunk: Buffer) => {
    passed += chunk.length
    sent.write(chunk)
    if (passed < bytes) return
    request.pause()
    void hasReceived(`http://127.0.0.1:${sent.socket?.remotePort}${request.url}`).then(() => {
      sent.destroy()
      request.socket.destroy()
    })
  })
}

/** Waits until the registry has something of an upload: what only lies in a socket dies with it. */
async function hasReceived(url: string): Promise<void> {
  for (let end = 0; end < MiB / 2; ) {
    const { headers } = await fetch(url)
    end = Number(headers.get('range')?.split('-')[1])
  }
}

function reading(content: Buffer) {
  const starts: number[] = []
  async function* read(start: number): AsyncGenerator<Uint8Array> {
    starts.push(start)
    for (let at = start; at < content.length; at += 65_536) {
      yield content.subarray(at, at + 65_536)
    }
  }
  return { starts, read }
}

function described(content: Buffer) {
  return { mediaType: 'application/octet-stream', digest: sha256(content), size: content.length }
}

test.for([0, 1, 1000, MiB, 3 * MiB])('a blob of %i bytes is pushed, and a second time is there', async (size) => {
  const registry = await ourRegistry()
  const content = randomBytes(size)
  const { read, starts } = reading(content)
  const repository = registry.repository('os/disk')
  expect(await pushBlob(repository, described(content), read, FAST_UPLOAD, never)).toBe('stored')
  expect(await pushBlob(repository, described(content), read, FAST_UPLOAD, never)).toBe('present')
  const stored = await registry.request('GET', `/v2/os/disk/blobs/${sha256(content)}`)
  expect(Buffer.from(await stored.arrayBuffer()).equals(content)).toBe(true)
  expect(starts).toEqual([0])
})

test('a push goes on where the registry says it stands when its connection breaks', async () => {
  const registry = await ourRegistry()
  const content = randomBytes(12 * MiB)
  const proxy = await breakingProxy(registry.host, 4 * MiB, 2)
  const { read, starts } = reading(content)
  const repository = repositoryAt(proxy.host, 'os/disk')
  expect(await pushBlob(repository, described(content), read, FAST_UPLOAD, never)).toBe('stored')
  // More than three when the registry has not yet noticed that a connection is gone, and says "busy" or "later".
  expect(starts.length).toBeGreaterThanOrEqual(3)
  expect(starts).toEqual(starts.toSorted((a, b) => a - b))
  expect(starts[1]).toBeGreaterThan(0)
  expect(proxy.seen.filter((line) => line === 'POST')).toHaveLength(1)
  expect(proxy.seen).toContain(`PATCH ${starts.at(-1)}-${content.length - 1}`)
})

test('a push that was killed goes on in the next process', async () => {
  const registry = await ourRegistry()
  const content = randomBytes(20 * MiB)
  const memory = uploadMemory(await directory())
  const { read, starts } = reading(content)
  const stop = new AbortController()
  async function* killed(start: number): AsyncGenerator<Uint8Array> {
    let given = 0
    for await (const chunk of read(start)) {
      yield chunk
      given += chunk.length
      if (given <= 8 * MiB) continue
      await hasReceived((await memory.get(`${registry.host}/os/disk@${sha256(content)}`)) ?? '')
      stop.abort(new Error('killed'))
    }
  }
  const repository = registry.repository('os/disk')
  const first = pushBlob(repository, described(content), killed, { ...FAST_UPLOAD, memory }, stop.signal)
  await expect(first).rejects.toThrow('killed')
  const again = registry.repository('os/disk')
  expect(await pushBlob(again, described(content), read, { ...FAST_UPLOAD, memory }, never)).toBe('stored')
  // The registry may still take in what the killed process had sent; then the new one asks again where it is.
  expect(starts.filter((start) => start === 0)).toHaveLength(1)
  expect(starts.length).toBeGreaterThan(1)
})

test('a remembered session that is gone is begun anew', async () => {
  const registry = await ourRegistry()
  const content = randomBytes(17 * MiB)
  const memory = uploadMemory(await directory())
  await memory.set(
    `${registry.host}/os/disk@${sha256(content)}`,
    `http://${registry.host}/v2/os/disk/blobs/uploads/00000000-0000-4000-8000-000000000000`,
  )
  const { read, starts } = reading(content)
  const policy = { ...FAST_UPLOAD, memory }
  expect(await pushBlob(registry.repository('os/disk'), described(content), read, policy, never)).toBe('stored')
  expect(starts).toEqual([0])
  expect(await memory.get(`${registry.host}/os/disk@${sha256(content)}`)).toBeUndefined()
})

test('other content than promised is refused, and a source that fails is not asked again', async () => {
  const registry = await ourRegistry()
  const repository = registry.repository('os/disk')
  const { read } = reading(randomBytes(2 * MiB))
  const other = { ...described(randomBytes(10)), size: 2 * MiB }
  await expect(pushBlob(repository, other, read, FAST_UPLOAD, never)).rejects.toMatchObject({ code: 'digest-mismatch' })
  let reads = 0
  // biome-ignore lint/correctness/useYield: it fails before it has anything
  async function* failing(): AsyncGenerator<Uint8Array> {
    reads++
    throw new Error('the disk is broken')
  }
  await expect(pushBlob(repository, other, failing, FAST_UPLOAD, never)).rejects.toThrow('the disk is broken')
  expect(reads).toBe(1)
})
