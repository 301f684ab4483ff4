import { expect, test } from 'vitest'
import { MAX_DIRECTORIES, pathTable, pathTableBytes } from '../../src/isobuilder/path-table.ts'

const ROWS = [
  { identifier: Uint8Array.of(0), sector: 0x17, parent: 1 },
  { identifier: Buffer.from('ABC'), sector: 0x01020304, parent: 1 },
  { identifier: Buffer.from('DE'), sector: 0x19, parent: 2 },
]

test('type L and M tables differ in byte order only (ECMA-119 9.4)', () => {
  expect(pathTable(ROWS, 'little').toString('hex')).toBe(
    '0100170000000100' + '0000' + '0300040302010100' + '41424300' + '0200190000000200' + '4445',
  )
  expect(pathTable(ROWS, 'big').toString('hex')).toBe(
    '0100000000170001' + '0000' + '0300010203040001' + '41424300' + '0200000000190002' + '4445',
  )
  expect(pathTableBytes(ROWS.map(({ identifier }) => identifier))).toBe(pathTable(ROWS, 'big').length)
})

test.for(['little', 'big'] as const)('the last directory that can be numbered may have others in it: %s', (order) => {
  const chain = Array.from({ length: MAX_DIRECTORIES }, (_, index) => ({
    identifier: Buffer.from('D'),
    sector: index,
    parent: Math.max(1, index),
  }))
  const bytes = pathTable([...chain, { identifier: Buffer.from('D'), sector: 0, parent: MAX_DIRECTORIES }], order)
  const at = bytes.length - 10 + 6
  expect(order === 'little' ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at)).toBe(65_535)
})
