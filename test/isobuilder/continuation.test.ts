import fc from 'fast-check'
import { expect, test } from 'vitest'
import { continuationSpace, leadTo, putAreas } from '../../src/isobuilder/continuation.ts'

test('entries that fit stay in the record, and there is no continuation', () => {
  const space = continuationSpace()
  expect(space.divide([Buffer.alloc(100), Buffer.alloc(88)], 188)).toMatchObject({ areas: [], recordBytes: 188 })
  expect(space.sectors()).toBe(0)
})

test('one byte too much moves whole entries out and leaves room to say where they are', () => {
  const divided = continuationSpace().divide([Buffer.alloc(100), Buffer.alloc(89)], 188)
  expect(divided.inline).toHaveLength(1)
  expect(divided.recordBytes).toBe(128)
  expect(divided.areas).toMatchObject([{ sector: 0, offset: 0, size: 89 }])
})

test('every area lies inside one sector, no two overlap, and following them gives the entries in order', () => {
  const entry = fc.integer({ min: 4, max: 255 }).map((length) => Buffer.alloc(length, length))
  const record = fc.record({
    entries: fc.array(entry, { minLength: 1, maxLength: 40 }),
    room: fc.integer({ min: 28, max: 188 }),
  })
  fc.assert(
    fc.property(fc.array(record, { maxLength: 20 }), (records) => {
      const space = continuationSpace()
      const divided = records.map(({ entries, room }) => ({ entries, room, use: space.divide(entries, room) }))
      const sectors = Buffer.alloc(space.sectors() * 2048)
      const used = Buffer.alloc(sectors.length)
      for (const { use } of divided) putAreas(sectors, use.areas, 0)
      for (const { entries, room, use } of divided) {
        expect(use.recordBytes).toBeLessThanOrEqual(room)
        for (const { sector, offset, size } of use.areas) {
          expect(offset + size).toBeLessThanOrEqual(2048)
          const place = used.subarray(sector * 2048 + offset, sector * 2048 + offset + size)
          expect(place.every((byte) => byte === 0)).toBe(true)
          place.fill(1)
        }
        const followed = follow(sectors, [...use.inline, ...leadTo(use.areas, 0)])
        expect(followed.equals(Buffer.concat(entries))).toBe(true)
      }
    }),
    { numRuns: 50 },
  )
})

/** The bytes of all entries but CE, from one area to the next. */
function follow(sectors: Buffer, first: readonly Buffer[]): Buffer {
  const parts: Buffer[] = []
  let area: Buffer = Buffer.concat(first)
  for (;;) {
    const isLead = area.length >= 28 && area.toString('latin1', area.length - 28, area.length - 26) === 'CE'
    parts.push(isLead ? area.subarray(0, -28) : area)
    if (!isLead) return Buffer.concat(parts)
    const lead = area.subarray(-28)
    const start = lead.readUInt32LE(4) * 2048 + lead.readUInt32LE(12)
    area = sectors.subarray(start, start + lead.readUInt32LE(20))
  }
}
