import { expect, test } from 'vitest'
import { putBoth16, putBoth32, putText, putUnsetDate, putWideText, sectorsOf } from '../../src/isobuilder/fields.ts'

function written(bytes: number, put: (into: Buffer) => void): string {
  const into = Buffer.alloc(bytes)
  put(into)
  return into.toString('hex')
}

test('numbers are recorded little-endian, then big-endian (ECMA-119 7.2.3, 7.3.3)', () => {
  expect(written(4, (into) => putBoth16(into, 0, 0x1234))).toBe('34121234')
  expect(written(8, (into) => putBoth32(into, 0, 0x12345678))).toBe('7856341212345678')
  expect(written(8, (into) => putBoth32(into, 0, 0xffffffff))).toBe('ffffffffffffffff')
})

test('a number that does not fit is a bug, not a smaller number', () => {
  expect(() => putBoth32(Buffer.alloc(8), 0, 2 ** 32)).toThrow(RangeError)
  expect(() => putBoth16(Buffer.alloc(4), 0, 65_536)).toThrow(RangeError)
})

test('text is padded with spaces and cut to its field', () => {
  expect(written(5, (into) => putText(into, 0, 4, 'AB'))).toBe('4142202000')
  expect(written(5, (into) => putText(into, 0, 4, 'ABCDEF'))).toBe('4142434400')
})

test('wide text is UCS-2 big-endian; the odd byte of a 37-byte field stays 0', () => {
  expect(written(5, (into) => putWideText(into, 0, 5, 'A'))).toBe('0041002000')
  expect(written(4, (into) => putWideText(into, 0, 4, '日本語'))).toBe('65e5672c')
})

test('an unset date is sixteen digits zero and a zero byte (ECMA-119 8.4.26.1)', () => {
  expect(written(17, (into) => putUnsetDate(into, 0))).toBe(`${'30'.repeat(16)}00`)
})

test.for([
  [0, 0],
  [1, 1],
  [2048, 1],
  [2049, 2],
] as const)('%i bytes take %i sectors', ([bytes, sectors]) => {
  expect(sectorsOf(bytes)).toBe(sectors)
})
