import { expect, test } from 'vitest'
import { parseRecords } from '../../src/isobuilder/reader-records.ts'

/** A sector with as many records of 34 bytes as go into it: sixty, and eight bytes are left. */
function fullSector(): Buffer {
  const bytes = Buffer.alloc(2048)
  for (let at = 0; at + 34 <= 2048; at += 34) {
    bytes[at] = 34
    bytes[at + 32] = 1
  }
  return bytes
}

test('records are read up to the unused rest of each sector', () => {
  expect(parseRecords(Buffer.concat([fullSector(), fullSector()]), 'd')).toHaveLength(120)
})

test('a record that leaves its sector is refused, also when the directory goes on', () => {
  const bytes = fullSector()
  bytes[2040] = 34
  expect(() => parseRecords(bytes, 'd')).toThrow('leaves its sector')
  expect(() => parseRecords(Buffer.concat([bytes, fullSector()]), 'd')).toThrow('leaves its sector')
})
