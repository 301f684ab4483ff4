import { expect, test } from 'vitest'
import { putRecord, recordBytes } from '../../src/isobuilder/directory-record.ts'

test('a record as it stands in the image (ECMA-119 9.1)', () => {
  const into = Buffer.alloc(60)
  const identifier = Buffer.from('KS.CFG;1')
  const at = putRecord(into, 2, { sector: 0x1a, length: 5, flags: 0 }, identifier, 3)
  into.write('xyz', at)
  expect(into.toString('hex')).toBe(
    '0000' + // not ours
      '2e00' + // length 46, no extended attributes
      '1a0000000000001a' + // extent
      '0500000000000005' + // data length
      '50010100000000' + // 1980-01-01 00:00:00 UTC
      '000000' + // flags, no interleave
      '01000001' + // volume 1
      '084b532e4346473b31' + // identifier
      '00' + // pad: the identifier is even
      '78797a' + // system use
      '00'.repeat(13), // pad to an even length; not ours
  )
})

test.for([
  [1, 0, 34],
  [2, 0, 36],
  [33, 0, 66],
  [33, 188, 254],
  [33, 187, 254],
] as const)('an identifier of %i bytes and %i bytes of system use make a record of %i', ([name, use, length]) => {
  expect(recordBytes(name, use)).toBe(length)
})
