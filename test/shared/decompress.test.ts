import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { compress } from 'zstd-napi'
import { decompressed } from '../../src/shared/decompress.ts'
import { checkZstdWindow, ZSTD_HEAD_BYTES } from '../../src/shared/zstd-window.ts'

async function unpacked(chunks: readonly Uint8Array[]): Promise<Buffer> {
  async function* source() {
    yield* chunks
  }
  return Buffer.concat(await Array.fromAsync(decompressed(source())))
}

const CONTENT = randomBytes(400_000)
const [FIRST, SECOND] = [CONTENT.subarray(0, 150_000), CONTENT.subarray(150_000)]

test.for<[string, readonly Uint8Array[]]>([
  ['is not compressed', [FIRST, SECOND]],
  ['is gzip', [gzipSync(CONTENT)]],
  ['is two gzip members', [Buffer.concat([gzipSync(FIRST), gzipSync(SECOND)])]],
  ['is two gzip members, each a chunk of its own', [gzipSync(FIRST), gzipSync(SECOND)]],
  ['is zstd', [compress(CONTENT)]],
  ['is two zstd frames', [Buffer.concat([compress(FIRST), compress(SECOND)])]],
  ['is two zstd frames, each a chunk of its own', [compress(FIRST), compress(SECOND)]],
  ['is zstd behind a skippable frame', [Buffer.from('502a4d180200000000ff', 'hex'), compress(CONTENT)]],
  [
    'comes byte by byte at first',
    [...gzipSync(CONTENT)]
      .slice(0, 5)
      .map((byte) => Buffer.of(byte))
      .concat(gzipSync(CONTENT).subarray(5)),
  ],
])('content that %s comes out whole', async ([, chunks]) => {
  expect((await unpacked(chunks)).equals(CONTENT)).toBe(true)
})

test('no content is no content', async () => {
  expect(await unpacked([])).toHaveLength(0)
})

test.for<[string, string, string | undefined]>([
  ['a window of 128 MiB', '0088', undefined],
  ['a window of 144 MiB', '0089', '144 MiB'],
  ['a window of 256 MiB', '0090', '256 MiB'],
  ['a content of 3 GiB as its window, behind a dictionary', 'a1ff000000c0', '3072 MiB'],
  ['a content of 2 TiB as its window', 'e00000000000020000', '2097152 MiB'],
  ['a content of 256 bytes as its window', '600000', undefined],
])('zstd with %s is decompressed, or refused with the way out', async ([, header, size]) => {
  const head = Buffer.from(`28b52ffd${header}`, 'hex')
  const frame = Buffer.concat([head, Buffer.from([0x01, 0x00, 0x00]), Buffer.alloc(ZSTD_HEAD_BYTES)])
  if (size === undefined) return expect(() => checkZstdWindow(frame)).not.toThrow()
  await expect(unpacked([frame])).rejects.toMatchObject({
    code: 'image-unusable',
    message: `Cannot decompress the content: its zstd needs a window of ${size}, and 128 MiB is the most. Compress it with --long=27 or without --long`,
  })
})

test.for<[string, Uint8Array]>([
  ['gzip', gzipSync(CONTENT)],
  ['zstd', compress(CONTENT)],
])('%s that was cut off is an error', async ([, bytes]) => {
  await expect(unpacked([bytes.subarray(0, -100)])).rejects.toMatchObject({ code: 'image-unusable' })
})

test.for<[string, Uint8Array]>([
  ['gzip', gzipSync(CONTENT)],
  ['zstd', compress(CONTENT)],
])('an error of where %s comes from stays what it is', async ([, bytes]) => {
  async function* source() {
    yield bytes.subarray(0, 1000)
    throw new RangeError('connection lost')
  }
  await expect(Array.fromAsync(decompressed(source()))).rejects.toThrow(RangeError)
})
