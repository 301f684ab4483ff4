import { expect, test } from 'vitest'
import { readEvents } from '../../src/client/server-sent-events.ts'

async function* bytes(...texts: readonly string[]) {
  for (const text of texts) yield Buffer.from(text)
}

test('events are read as they come, whatever the pieces are', async () => {
  const stream = bytes('id: 1\nevent: en', 'try\ndata: a\ndata: b\n', '\n: alive\n\ndata:c\r\n\r\n')
  expect(await Array.fromAsync(readEvents(stream))).toEqual([
    { event: 'entry', data: 'a\nb', id: '1' },
    { event: 'message', data: 'c', id: '1' },
  ])
})

test.for([
  ['one line', 'data: '.padEnd(700_000, 'x'), 'x'.repeat(700_000)],
  ['many lines', ...Array.from({ length: 40 }, () => `data: ${'x'.repeat(30_000)}\n`)],
])('an event that never ends is given up: %s', async ([, ...texts]) => {
  await expect(Array.fromAsync(readEvents(bytes(...texts)))).rejects.toMatchObject({ code: 'size-exceeded' })
})

test('many events are as long as they like together', async () => {
  const stream = bytes(...Array.from({ length: 40 }, () => `data: ${'x'.repeat(30_000)}\n\n`))
  expect(await Array.fromAsync(readEvents(stream))).toHaveLength(40)
})
