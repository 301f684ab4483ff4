import { expect, test } from 'vitest'
import { formatBytes, parseByteSize } from '../../src/shared/byte-size.ts'

test.for<[string, number | undefined]>([
  ['1', 1],
  ['512MiB', 512 * 1024 ** 2],
  ['20G', 20 * 1024 ** 3],
  ['2TiB', 2 * 1024 ** 4],
  ['0', undefined],
  ['1iB', undefined],
  ['1MB', undefined],
  ['-1G', undefined],
  ['100%', undefined],
])('%s is %s bytes', ([text, bytes]) => {
  expect(parseByteSize(text)).toBe(bytes)
})

test.for<[number, string]>([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.5 KiB'],
  [96468992, '92.0 MiB'],
  [5 * 1024 ** 4, '5.0 TiB'],
])('%s bytes are shown as %s', ([bytes, text]) => {
  expect(formatBytes(bytes)).toBe(text)
})
