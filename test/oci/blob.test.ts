import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { erasedPolicy } from '../../src/dispatcher/steps/artifact.ts'
import { BLOB_POLICY, type BlobPolicy, PATIENT_BLOB_POLICY, streamBlob } from '../../src/oci/blob.ts'
import type { Descriptor } from '../../src/oci/manifest.ts'
import { openRepository } from '../../src/oci/registry.ts'
import { REMOTE_POLICY } from '../../src/oci/remote-source.ts'
import { errorText } from '../../src/shared/errors.ts'
import { parseOciReference } from '../../src/shared/oci-reference.ts'
import { sleep } from '../../src/shared/time.ts'
import { repositoryAt } from './support.ts'
import { sendRange, type TinyRegistry, tinyRegistry } from './tiny-registry.ts'

const CONTENT = randomBytes(300_000)
const POLICY = { backoff: { firstMs: 1, maxMs: 1 }, patienceMs: 10_000 }
const never = new AbortController().signal

function pull(registry: TinyRegistry, blob: Partial<Descriptor>, idleMs?: number, policy: BlobPolicy = POLICY) {
  const access = { plainHttp: true, caPem: undefined, credentials: undefined, ...(idleMs ? { idleMs } : {}) }
  const repository = openRepository(parseOciReference(`oci://${registry.host}/os/debian:13`), access)
  const descriptor = { mediaType: '', title: undefined, platform: undefined, ...blob } as Descriptor
  return Array.fromAsync(streamBlob(repository, descriptor, never, policy)).then((chunks) => Buffer.concat(chunks))
}

/** Sends `bytes` of what was asked for under the full Content-Length, then cuts the connection. */
function cutAfter(bytes: number) {
  return (request: IncomingMessage, response: ServerResponse) => {
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    const headers = { 'content-length': CONTENT.length - start }
    if (start === 0) response.writeHead(200, headers)
    else
      response.writeHead(206, { ...headers, 'content-range': `bytes ${start}-${CONTENT.length - 1}/${CONTENT.length}` })
    response.write(CONTENT.subarray(start, start + bytes), () => response.destroy())
    return true
  }
}

test('a blob is handed out whole', async () => {
  await using registry = await tinyRegistry()
  const blob = registry.blob(CONTENT)
  expect((await pull(registry, blob)).equals(CONTENT)).toBe(true)
  expect(registry.requests).toEqual([`GET /v2/os/debian/blobs/${blob.digest}`])
})

test('an empty blob needs no request', async () => {
  await using registry = await tinyRegistry()
  expect(await pull(registry, registry.blob(new Uint8Array()))).toHaveLength(0)
})

test('a broken connection is continued where it broke', async () => {
  await using registry = await tinyRegistry()
  const blob = registry.blob(CONTENT)
  registry.intercept = (request, response) => registry.requests.length < 3 && cutAfter(100_000)(request, response)
  expect((await pull(registry, blob)).equals(CONTENT)).toBe(true)
  expect(registry.requests.map((line) => line.split(' ')[2])).toEqual([undefined, 'bytes=100000-', 'bytes=200000-'])
})

test('a registry without ranges sends again what we have, and it is skipped', async () => {
  await using registry = await tinyRegistry()
  const blob = registry.blob(CONTENT)
  registry.intercept = (request, response) => {
    if (registry.requests.length === 1) return cutAfter(100_000)(request, response)
    sendRange(CONTENT, undefined, response)
    return true
  }
  expect((await pull(registry, blob)).equals(CONTENT)).toBe(true)
})

test('a connection that is silent too long counts as broken', async () => {
  await using registry = await tinyRegistry()
  const blob = registry.blob(CONTENT)
  registry.intercept = (_request, response) => {
    if (registry.requests.length > 1) return false
    response.writeHead(200, { 'content-length': CONTENT.length }).write(CONTENT.subarray(0, 1000))
    return true
  }
  expect((await pull(registry, blob, 200)).equals(CONTENT)).toBe(true)
  expect(registry.requests[1]).toContain('bytes=1000-')
})

test('connections that bring nothing new end the pull', async () => {
  await using registry = await tinyRegistry()
  const blob = registry.blob(CONTENT)
  registry.intercept = (request, response) => cutAfter(registry.requests.length === 1 ? 10 : 0)(request, response)
  await expect(pull(registry, blob, undefined, { ...POLICY, patienceMs: 40 })).rejects.toMatchObject({
    code: 'registry-answer',
    message: expect.stringContaining('no byte came for 0 s after the first 10 of 300000'),
    cause: expect.anything(),
  })
})

test('a registry that is away for long is waited for, in the middle as in the beginning, and each break is told', async () => {
  await using registry = await tinyRegistry()
  const blob = registry.blob(CONTENT)
  const breaks: string[] = []
  registry.intercept = (request, response) => {
    const asked = registry.requests.length
    if (asked === 21) return cutAfter(10)(request, response)
    if (asked === 40) return cutAfter(0)(request, response)
    return asked < 60 && Boolean(response.writeHead(502).end())
  }
  const policy = { ...POLICY, onBreak: (reason: unknown) => void breaks.push(errorText(reason)) }
  expect((await pull(registry, blob, undefined, policy)).equals(CONTENT)).toBe(true)
  expect(breaks).toHaveLength(59)
  expect(breaks[0]).toContain('the registry answered 502')
  expect(breaks[20]).not.toContain('502')
})

test('the time in which nobody asks for more is no time without a byte', async () => {
  await using registry = await tinyRegistry()
  const blob = registry.blob(CONTENT)
  registry.intercept = (request, response) => registry.requests.length < 2 && cutAfter(100_000)(request, response)
  const repository = repositoryAt(registry.host, 'os/debian:13')
  const descriptor = { ...blob, mediaType: '', title: undefined, platform: undefined }
  let bytes = 0
  for await (const chunk of streamBlob(repository, descriptor, never, { ...POLICY, patienceMs: 50 })) {
    if (bytes === 0) await sleep(80)
    bytes += chunk.length
  }
  expect(bytes).toBe(CONTENT.length)
})

test('a controller that is started again in the middle of an image is waited for', () => {
  const { patienceMs } = PATIENT_BLOB_POLICY
  expect(patienceMs).toBeGreaterThan(2 * 60_000)
  const policy = erasedPolicy({ say: () => {}, progress: { bytes: () => {}, note: () => {} }, now: () => 0 })
  expect(policy.backoff).toMatchObject({ attempts: Number.POSITIVE_INFINITY, forMs: patienceMs })
  expect(policy.blob).toMatchObject({ patienceMs })
})

test('whoever waits at a terminal, or has erased nothing yet, waits less than two minutes', () => {
  for (const { patienceMs } of [BLOB_POLICY, REMOTE_POLICY.blob]) expect(patienceMs).toBeLessThan(2 * 60_000)
})

test('a registry that answers "later" is asked again, one that answers "no" is not', async () => {
  await using registry = await tinyRegistry()
  const blob = registry.blob(CONTENT)
  registry.intercept = (_request, response) => {
    if (registry.requests.length > 2) return false
    response.writeHead(503).end()
    return true
  }
  expect(await pull(registry, blob)).toHaveLength(CONTENT.length)
  registry.intercept = () => false
  await expect(pull(registry, { digest: `sha256:${'0'.repeat(64)}`, size: 5 })).rejects.toMatchObject({
    message: expect.stringContaining('404, MANIFEST_UNKNOWN: manifest unknown to registry'),
  })
  expect(registry.requests).toHaveLength(4)
})

test.for<[string, (registry: TinyRegistry) => void, string]>([
  [
    'other bytes',
    (registry) => {
      registry.intercept = answer(200, {}, Buffer.alloc(CONTENT.length))
    },
    'sent other bytes',
  ],
  [
    'more bytes',
    (registry) => {
      registry.intercept = answer(200, { 'transfer-encoding': 'chunked' }, Buffer.concat([CONTENT, CONTENT]))
    },
    'more than 300000 bytes',
  ],
  [
    'another length',
    (registry) => {
      registry.intercept = answer(200, { 'content-length': '7' }, Buffer.from('shorter'))
    },
    'has 7 bytes and its manifest says 300000',
  ],
  [
    'a part nobody asked for',
    (registry) => {
      registry.intercept = answer(206, { 'content-range': 'bytes 5-9/300000' }, Buffer.from('wrong'))
    },
    'when asked for the bytes from 0',
  ],
])('%s end in an error', async ([, misbehave, message]) => {
  await using registry = await tinyRegistry()
  const blob = registry.blob(CONTENT)
  misbehave(registry)
  await expect(pull(registry, blob)).rejects.toThrow(message)
})

test('content that changes in the middle ends in an error', async () => {
  await using registry = await tinyRegistry()
  const blob = registry.blob(CONTENT)
  registry.intercept = (_request, response) => {
    const first = registry.requests.length === 1
    const part = first ? {} : { 'content-range': `bytes 10-${CONTENT.length - 1}/${CONTENT.length}` }
    response.writeHead(first ? 200 : 206, { etag: first ? '"a"' : '"b"', 'content-length': CONTENT.length, ...part })
    response.write(CONTENT.subarray(0, 10), () => response.destroy())
    return true
  }
  await expect(pull(registry, blob)).rejects.toThrow('its content changed during the transfer')
})

function answer(status: number, headers: Record<string, string>, body: Buffer) {
  return (_request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(status, headers).end(body)
    return true
  }
}
