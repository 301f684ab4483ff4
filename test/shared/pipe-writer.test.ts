import { execFileSync } from 'node:child_process'
import { expect, onTestFinished, test } from 'vitest'
import { lend } from '../../src/shared/chunk-memory.ts'
import { openPipe } from '../../src/shared/pipe.ts'
import { pipeWriter } from '../../src/shared/pipe-writer.ts'

const PIPE_BYTES = 65536

async function openWriter() {
  const { reader, writer: pipe } = await openPipe(async (path) => void execFileSync('mkfifo', [path]))
  const writer = pipeWriter(pipe)
  onTestFinished(async () => {
    await reader.close()
    await writer[Symbol.asyncDispose]()
    await pipe.close()
  })
  async function read(bytes: number): Promise<Buffer> {
    const all = Buffer.alloc(bytes)
    for (let at = 0; at < bytes; ) at += (await reader.read(all, at, bytes - at)).bytesRead
    return all
  }
  return { reader, writer, read }
}

test('a reader gets the chunks in order, whole, also those that are larger than the pipe', async () => {
  const { writer, read } = await openWriter()
  const chunks = [3 * PIPE_BYTES + 1, 1, 0, PIPE_BYTES, 7].map((length, index) => Buffer.alloc(length, index + 1))
  const expected = Buffer.concat(chunks)
  const reading = read(expected.length)
  for (const chunk of chunks) await writer.write(chunk)
  await writer.flushed()
  expect((await reading).equals(expected)).toBe(true)
})

test('a part of a larger memory is copied, and the rest of it stays', async () => {
  const { writer, read } = await openWriter()
  const memory = Buffer.from('before, the part, after')
  await writer.write(memory.subarray(8, 16))
  await writer.flushed()
  expect([(await read(8)).toString(), memory.toString()]).toEqual(['the part', 'before, the part, after'])
})

test('memory that was lent goes back once it is written, in the order of the chunks', async () => {
  const { writer, read } = await openWriter()
  const lengths = [10, 20, 30]
  const back: number[] = []
  const chunks = lengths.map((length) => new Uint8Array(length))
  for (const { buffer, length } of chunks) lend(buffer, (memory) => back.push(length, memory.byteLength))
  for (const chunk of chunks) await writer.write(chunk)
  await writer.flushed()
  expect(back).toEqual([10, 10, 20, 20, 30, 30])
  expect(chunks.map(({ length }) => length)).toEqual([0, 0, 0])
  await read(60)
})

test('whoever is faster than the reader waits for it', async () => {
  const { writer, read } = await openWriter()
  let written = 0
  const writing = (async () => {
    for (let index = 0; index < 8; index++) {
      await writer.write(Buffer.alloc(2 * PIPE_BYTES))
      written++
    }
    await writer.flushed()
  })()
  await read(1)
  expect(written).toBeLessThan(4)
  await read(16 * PIPE_BYTES - 1)
  await writing
  expect(written).toBe(8)
})

test('a reader that has gone is told as write(2) tells it', async () => {
  const { reader, writer } = await openWriter()
  await reader.close()
  const writing = async () => {
    for (;;) await writer.write(Buffer.alloc(10))
  }
  await expect(writing()).rejects.toMatchObject({ code: 'EPIPE' })
})
