import { Readable, type Transform } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { giveBack } from '../../src/shared/chunk-memory.ts'
import { zstdDecompressed } from '../../src/shared/zstd-decompress.ts'
import { zstdCompressor } from './zstd-compressor.ts'

/** Magic, frame header without checksum, one raw last block of five bytes (RFC 8878 3.1.1). */
const HELLO = Buffer.from('28b52ffd' + '0058' + '290000' + '68656c6c6f', 'hex')
const WORLD = Buffer.from('28b52ffd' + '0058' + '290000' + '776f726c64', 'hex')
/** A skippable frame of four bytes (RFC 8878 3.1.2). */
const SKIPPABLE = Buffer.from('502a4d180400000001020304', 'hex')

async function through(transform: Transform, ...chunks: Uint8Array[]): Promise<Buffer> {
  const [bytes] = await Promise.all([buffer(transform), pipeline(Readable.from(chunks), transform)])
  return bytes
}

async function unpacked(...chunks: Uint8Array[]): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(zstdDecompressed(Readable.from(chunks))))
}

test.for([
  { name: 'one frame', input: [HELLO], output: 'hello' },
  { name: 'two frames in one chunk', input: [Buffer.concat([HELLO, WORLD])], output: 'helloworld' },
  {
    name: 'two frames, cut anywhere',
    input: [...Buffer.concat([HELLO, WORLD])].map((byte) => Buffer.of(byte)),
    output: 'helloworld',
  },
  { name: 'a skippable frame between', input: [HELLO, SKIPPABLE, WORLD], output: 'helloworld' },
])('decompresses $name', async ({ input, output }) => {
  expect((await unpacked(...input)).toString()).toBe(output)
})

test.for([
  { name: 'no zstd at all', input: Buffer.from('plain text') },
  { name: 'a frame that is cut off', input: HELLO.subarray(0, -2) },
  { name: 'garbage after a frame', input: Buffer.concat([HELLO, Buffer.from('garbage')]) },
])('refuses $name', async ({ input }) => {
  await expect(unpacked(input)).rejects.toThrow()
})

test('what was compressed comes back, whatever it is', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 4096 }), { maxLength: 8 }), async (chunks) => {
      const packed = await through(zstdCompressor(3), ...chunks)
      expect(await unpacked(packed)).toEqual(Buffer.concat(chunks))
    }),
    { numRuns: 10 },
  )
})

test('blocks that are given back are filled again, and are empty for whoever looks at them later', async () => {
  const content = Buffer.alloc((12 << 20) + 5, 'some text that is no multiple of a block')
  const packed = await through(zstdCompressor(1), content)
  let at = 0
  for await (const block of zstdDecompressed(Readable.from([packed]))) {
    expect(content.subarray(at, at + block.length).equals(block)).toBe(true)
    at += block.length
    giveBack(block)
    if (at < content.length) expect(block.byteLength).toBe(0)
  }
  expect(at).toBe(content.length)
})

test('a reader that leaves early ends the thread and the source', async () => {
  const packed = await through(zstdCompressor(1), Buffer.alloc(8 << 20, 1))
  const source = Readable.from([packed, Buffer.from(packed)])
  for await (const _block of zstdDecompressed(source)) break
  expect(source.destroyed).toBe(true)
})

test('readers that leave while the thread is at work end no process', async () => {
  const packed = await through(zstdCompressor(1), Buffer.alloc(8 << 20, 1))
  for (let reader = 0; reader < 20; reader++) {
    for await (const _block of zstdDecompressed(Readable.from([Buffer.from(packed)]))) break
  }
})

test('a changed byte in the content is noticed by the checksum', async () => {
  const packed = await through(zstdCompressor(1), Buffer.from('0123456789abcdef'))
  packed[packed.length - 8] = 0x00
  await expect(unpacked(packed)).rejects.toThrow()
})
