import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { compress } from 'zstd-napi'
import { takeIn } from '../../../src/dispatcher/imaging/intake.ts'
import { decompressed } from '../../../src/shared/decompress.ts'
import type { Digest } from '../../../src/shared/digest.ts'
import { sha256 } from '../../../src/shared/digest.ts'
import { never, repositoryAt } from '../../oci/support.ts'
import { tinyRegistry } from '../../oci/tiny-registry.ts'

const CONTENT = randomBytes(3_000_000)
const METER = { add: () => {}, broke: () => {} }

async function taken(stored: Uint8Array, content?: Digest, change: Partial<{ size: number }> = {}): Promise<Buffer> {
  await using registry = await tinyRegistry()
  const blob = { ...registry.blob(stored), ...change }
  const layer = { ...blob, mediaType: '', title: undefined, platform: undefined }
  using intake = takeIn(repositoryAt(registry.host, 'os/debian:13'), layer, content, METER, never)
  const chunks = await Array.fromAsync(intake.content(decompressed(intake.stored)))
  intake.assertComplete()
  return Buffer.concat(chunks)
}

test.for<[string, Uint8Array]>([
  ['plain', CONTENT],
  ['gzip', gzipSync(CONTENT)],
  ['zstd', compress(CONTENT)],
])('a %s layer comes out whole, and the digest of its content is checked', async ([, stored]) => {
  expect((await taken(stored, sha256(CONTENT))).equals(CONTENT)).toBe(true)
  await expect(taken(stored, sha256('other'))).rejects.toMatchObject({ code: 'digest-mismatch' })
})

test.for<[string, Uint8Array]>([
  ['gzip', gzipSync(CONTENT)],
  ['zstd', compress(CONTENT)],
])('%s that something else follows is never taken for complete', async ([, stored]) => {
  await expect(taken(Buffer.concat([stored, randomBytes(500_000)]))).rejects.toThrow()
})

test('whoever has only looked at the beginning leaves nothing open', async () => {
  await using registry = await tinyRegistry()
  const layer = { ...registry.blob(CONTENT), mediaType: '', title: undefined, platform: undefined }
  const intake = takeIn(repositoryAt(registry.host, 'os/debian:13'), layer, undefined, METER, never)
  const left = Promise.withResolvers<void>()
  async function* source() {
    try {
      yield* intake.stored
    } finally {
      left.resolve()
    }
  }
  await intake.content(source())[Symbol.asyncIterator]().next()
  intake[Symbol.dispose]()
  await left.promise
})

test('a layer that is shorter than its manifest says is an error, also when it is a whole archive by itself', async () => {
  const stored = gzipSync(CONTENT)
  await expect(taken(stored, undefined, { size: stored.length + 10 })).rejects.toThrow('its manifest says')
})
