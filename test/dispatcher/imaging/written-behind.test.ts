import { expect, test } from 'vitest'
import { writtenBehind } from '../../../src/dispatcher/imaging/written-behind.ts'

const CHUNK = Buffer.alloc(64 * 1024 * 1024)

async function* chunks(count: number): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < count; index++) yield CHUNK
}

async function drain(content: AsyncIterable<Uint8Array>): Promise<number> {
  let count = 0
  for await (const _ of content) count++
  return count
}

test('a sync is started after each 128 MiB', async () => {
  let syncs = 0
  expect(await drain(writtenBehind(chunks(7), async () => void syncs++))).toBe(7)
  expect(syncs).toBe(3)
})

test('the content goes on during a sync, and the next one waits for it', async () => {
  const first = Promise.withResolvers<void>()
  const seen: string[] = []
  const syncs = [first.promise, Promise.resolve()]
  const sync = () => {
    seen.push('sync')
    return syncs.shift() ?? Promise.resolve()
  }
  const content = writtenBehind(chunks(5), sync)
  for (let count = 0; count < 4; count++) {
    await content.next()
    seen.push('chunk')
  }
  const fifth = content.next().then(() => seen.push('chunk'))
  await new Promise(setImmediate)
  expect(seen).toEqual(['chunk', 'chunk', 'sync', 'chunk', 'chunk'])
  first.resolve()
  await fifth
  expect(seen.slice(5)).toEqual(['sync', 'chunk'])
  await content.return(undefined)
})

test('what a sync could not write is told, also when it was the last', async () => {
  const broken = new Error('Input/output error')
  await expect(drain(writtenBehind(chunks(2), () => Promise.reject(broken)))).rejects.toBe(broken)
})

test('whoever leaves early leaves no sync behind, and is not held back by a disk that does not answer', async () => {
  const syncing = Promise.withResolvers<void>()
  const stopped: AbortSignal[] = []
  const content = writtenBehind(chunks(5), (stop) => {
    stopped.push(stop)
    stop.addEventListener('abort', () => setImmediate(() => syncing.reject(stop.reason)))
    return syncing.promise
  })
  for (let count = 0; count < 3; count++) await content.next()
  expect(stopped.map(({ aborted }) => aborted)).toEqual([false])
  await content.return(undefined)
  await expect(syncing.promise).rejects.toBe(stopped[0]?.reason)
})
