import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readIso } from '../../src/isobuilder/image.ts'
import type { Source } from '../../src/isobuilder/source.ts'
import { bytesOf, file, patternSource, planOf } from './image-bytes.ts'

test('any range, in chunks of any size, is a slice of the whole', async () => {
  const plan = planOf([
    file('empty', ''),
    ...[1, 2047, 2048, 2049, 9000].map((size) => file(`d/${size}`, 'x'.repeat(size))),
  ])
  const whole = await bytesOf(plan)
  expect(whole.length).toBe(plan.size)
  const offset = fc.oneof(
    fc.nat(plan.size),
    fc.nat(plan.size / 2048).map((sector) => sector * 2048),
  )
  await fc.assert(
    fc.asyncProperty(offset, offset, fc.integer({ min: 100, max: 70_000 }), async (a, b, chunk) => {
      const [start, end] = [Math.min(a, b), Math.max(a, b)]
      const parts = await Array.fromAsync(readIso(plan, start, end, { chunk }))
      expect(Buffer.concat(parts).equals(whole.subarray(start, end))).toBe(true)
      expect(parts.every((part) => part.length > 0 && part.length <= chunk)).toBe(true)
    }),
  )
})

test('the rest of the last sector of a file is zeros', async () => {
  const bytes = await bytesOf(planOf([file('a', 'x'.repeat(2049)), file('b', 'y')]))
  expect(bytes.subarray(-2048).toString('latin1')).toBe(`y${'\0'.repeat(2047)}`)
  expect(bytes.subarray(-4096, -2048).toString('latin1')).toBe(`x${'\0'.repeat(2047)}`)
})

test.for([
  [-1, 10],
  [10, 9],
  [0, 1e9],
  [Number.NaN, 10],
] as const)('the range %i to %i is refused', async ([start, end]) => {
  const plan = planOf([file('a')])
  await expect(readIso(plan, start, end).next()).rejects.toThrow(RangeError)
})

test('a source that gives too little, or fails, ends the read instead of padding it', async () => {
  const good = patternSource(3000)
  const short: Source = { ...good, read: async () => new Uint8Array(1) }
  const broken: Source = { ...good, read: () => Promise.reject(new Error('gone')) }
  for (const [source, message] of [
    [short, 'it gave 1'],
    [broken, 'gone'],
  ] as const) {
    const plan = planOf([{ path: 'a', source }, file('b')])
    await expect(bytesOf(plan)).rejects.toThrow(message)
  }
})

test('an aborted signal ends the read and reaches the source', async () => {
  const seen: (AbortSignal | undefined)[] = []
  const good = patternSource(3000)
  const source: Source = {
    ...good,
    read: (offset, length, signal) => {
      seen.push(signal)
      return good.read(offset, length, signal)
    },
  }
  const plan = planOf([{ path: 'a', source }])
  const stop = new AbortController()
  await Array.fromAsync(readIso(plan, 0, plan.size, { signal: stop.signal }))
  expect(seen).toEqual([stop.signal])
  stop.abort(new Error('stopped'))
  await expect(readIso(plan, 0, plan.size, { signal: stop.signal }).next()).rejects.toThrow('stopped')
})
