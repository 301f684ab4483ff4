import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeHeader, decodePax, encodeHeader, padded } from '../../../src/oci/layout/tar-header.ts'

/** Everything but zeros of the header that GNU tar makes: offset and text. */
const GNU_TAR = [
  [0, 'oci-layout'],
  [100, '0000644\0' + '0000000\0' + '0000000\0' + '00000000036\0' + '00000000000\0' + '011214\0 ' + '0'],
  [257, 'ustar\0' + '00'],
  [329, '0000000\0' + '0000000\0'],
] as const

test('a header is the one GNU tar writes', () => {
  // tar --format=ustar --owner=0 --group=0 --numeric-owner --mtime=@0 --mode=644 -cf - oci-layout (30 bytes)
  const expected = Buffer.alloc(512)
  for (const [offset, text] of GNU_TAR) expected.write(text, offset, 'latin1')
  expect(encodeHeader('oci-layout', 30).equals(expected)).toBe(true)
})

test('what is written is read, whatever the size', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 45 }), fc.stringMatching(/^[a-z0-9/]{1,100}$/), (size, name) => {
      expect(decodeHeader(encodeHeader(name, size), 'x')).toEqual({ name, size, type: 'file' })
    }),
  )
})

test('from 8 GiB on the size is in base 256', () => {
  expect(
    encodeHeader('disk', 8 ** 11)
      .subarray(124, 136)
      .toString('hex'),
  ).toBe('800000000000000200000000')
  expect(decodeHeader(encodeHeader('disk', 8 ** 11), 'x')?.size).toBe(8 ** 11)
})

test('the name of a sha512 blob needs a pax record', () => {
  const name = `blobs/sha512/${'ab'.repeat(64)}`
  const bytes = encodeHeader(name, 7)
  const pax = decodeHeader(bytes, 'x')
  expect(pax).toMatchObject({ type: 'pax', size: 151 })
  expect(decodePax(bytes.subarray(512, 512 + 151), 'x')).toEqual({ path: name })
  expect(decodeHeader(bytes.subarray(512 + padded(151)), 'x')).toMatchObject({ size: 7, type: 'file' })
})

test('zeros are the end, anything else without a checksum is refused', () => {
  expect(decodeHeader(Buffer.alloc(512), 'x')).toBeUndefined()
  expect(() => decodeHeader(Buffer.alloc(512, 1), 'x')).toThrow(expect.objectContaining({ code: 'layout-invalid' }))
})

test('a pax record that is broken is refused, not passed over', () => {
  expect(() => decodePax(Buffer.from('12 path=abc\n99 size=1\n'), 'x')).toThrow(
    expect.objectContaining({ code: 'layout-invalid' }),
  )
})

test('times of the GNU format are no part of a name', () => {
  const header = encodeHeader('oci-layout', 30)
  header.write('ustar  \0', 257, 'latin1')
  header.write('15000000000\0', 345, 'latin1')
  const sum = header.fill(' ', 148, 156).reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  expect(decodeHeader(header, 'x')).toEqual({ name: 'oci-layout', size: 30, type: 'file' })
})
