import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseRange, planMultipart } from '../../src/shared/http-range.ts'

type Expected = readonly (readonly [number, number])[] | 'unsatisfiable' | undefined

test.for<[string | undefined, number, Expected]>([
  [undefined, 100, undefined],
  ['bytes=0-0', 100, [[0, 1]]],
  ['bytes=10-', 100, [[10, 100]]],
  ['bytes=-10', 100, [[90, 100]]],
  ['bytes=-500', 100, [[0, 100]]],
  ['bytes=90-500', 100, [[90, 100]]],
  ['Bytes=1-2', 100, [[1, 3]]],
  [
    'bytes=0-1, 5-6',
    100,
    [
      [0, 2],
      [5, 7],
    ],
  ],
  [
    'bytes=5-6,0-1',
    100,
    [
      [5, 7],
      [0, 2],
    ],
  ],
  [
    'bytes=0-4,5-9',
    100,
    [
      [0, 5],
      [5, 10],
    ],
  ],
  ['bytes=0-4,3-9', 100, [[0, 10]]],
  ['bytes=0-1,200-300', 100, [[0, 2]]],
  ['bytes=,0-1,', 100, [[0, 2]]],
  ['bytes=100-', 100, 'unsatisfiable'],
  ['bytes=500-0', 100, 'unsatisfiable'],
  ['bytes=-0', 100, 'unsatisfiable'],
  ['bytes=0-', 0, 'unsatisfiable'],
  ['bytes=', 100, undefined],
  ['bytes=a-b', 100, undefined],
  ['bytes=0-1;5', 100, undefined],
  ['lines=0-1', 100, undefined],
])('%s of %i bytes is resolved as RFC 9110 14.2 has it', ([header, size, expected]) => {
  const ranges = parseRange(header, size)
  expect(Array.isArray(ranges) ? ranges.map(({ start, end }) => [start, end]) : ranges).toEqual(expected)
})

test('1024 ranges are served, 4096 are answered with the whole content', () => {
  const header = (count: number) => `bytes=${Array.from({ length: count }, (_, i) => `${4 * i}-${4 * i + 1}`).join()}`
  expect(parseRange(header(1024), 1e6)).toHaveLength(1024)
  expect(parseRange(header(4096), 1e6)).toBeUndefined()
})

test('ranges never overlap, never leave the content, and never add up to more than it', () => {
  const spec = fc.oneof(
    fc.tuple(fc.nat(200), fc.nat(200)).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
    fc.nat(200).map((first) => `${first}-`),
    fc.nat(200).map((last) => `-${last}`),
  )
  fc.assert(
    fc.property(fc.array(spec, { minLength: 1, maxLength: 30 }), fc.nat(150), (specs, size) => {
      const ranges = parseRange(`bytes=${specs.join(',')}`, size)
      if (!Array.isArray(ranges)) return
      const seen = new Set<number>()
      for (const { start, end } of ranges) {
        expect(start).toBeLessThan(end)
        for (let at = start; at < end; at++) {
          expect(at < size && !seen.has(at)).toBe(true)
          seen.add(at)
        }
      }
    }),
  )
})

test('a multipart answer has a head for each part and an exact length', () => {
  const ranges = [
    { start: 0, end: 2 },
    { start: 7, end: 8 },
  ]
  const plan = planMultipart(ranges, 10, 'application/octet-stream', 'x1')
  const content = 'abcdefghij'
  const text = plan.parts
    .map(({ head, range }) => Buffer.from(head).toString() + content.slice(range.start, range.end))
    .join('')
    .concat(Buffer.from(plan.tail).toString())
  expect(plan.contentType).toBe('multipart/byteranges; boundary=x1')
  expect(text.split('\r\n')).toEqual([
    '--x1',
    'Content-Type: application/octet-stream',
    'Content-Range: bytes 0-1/10',
    '',
    'ab',
    '--x1',
    'Content-Type: application/octet-stream',
    'Content-Range: bytes 7-7/10',
    '',
    'h',
    '--x1--',
    '',
  ])
  expect(plan.length).toBe(text.length)
})
