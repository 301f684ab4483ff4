import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Source } from '../../../src/isobuilder/source.ts'
import { readAhead } from '../../../src/server/media/read-ahead.ts'
import { patternAt, patternSource } from '../../isobuilder/image-bytes.ts'

function counted(source: Source): Source & { reads: number } {
  const counting = {
    ...source,
    reads: 0,
    read: (offset: number, length: number) => {
      counting.reads++
      return source.read(offset, length)
    },
  }
  return counting
}

test('any ranges, in any order, are those of the source', async () => {
  const source = patternSource(300_001)
  const image = Buffer.from(Array.from({ length: source.size }, (_, at) => patternAt(at)))
  const reader = readAhead(source, 4096, 3)
  const range = fc.tuple(fc.nat(source.size), fc.nat(20_000))
  await fc.assert(
    fc.asyncProperty(range, async ([start, length]) => {
      const end = Math.min(source.size, start + length)
      expect(Buffer.from(await reader.read(start, end)).equals(image.subarray(start, end))).toBe(true)
    }),
  )
})

test('sectors asked for one after another, or at once, are one read of the source', async () => {
  const source = counted(patternSource(64 * 1024 * 4))
  const reader = readAhead(source)
  const sector = (index: number) => reader.read(index * 2048, (index + 1) * 2048)
  await Promise.all(Array.from({ length: 32 }, (_, index) => sector(index)))
  for (let index = 0; index < 32; index++) await sector(index)
  expect(source.reads).toBe(1)
})

test('a failure is told to all who wait, and not kept', async () => {
  let broken = true
  const source: Source = {
    ...patternSource(4096),
    read: async (offset, length) => {
      if (broken) throw new Error('broken')
      return patternSource(4096).read(offset, length)
    },
  }
  const reader = readAhead(source)
  const both = await Promise.allSettled([reader.read(0, 10), reader.read(10, 20)])
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  broken = false
  expect((await reader.read(0, 10)).length).toBe(10)
})
