import { expect, test } from 'vitest'
import { sqliteAuditStore } from '../../../src/server/store/audit.ts'
import { openDatabase } from '../../../src/server/store/database.ts'

const DAY = 86_400_000
const START = Date.UTC(2026, 0, 2)
const entry = (object: string) => ({ audit: 'x', caller: 'user:ann', address: null, object, status: 200 })

test('the trail keeps its newest entries when there are too many, and none that is older than 400 days', async () => {
  const trail = sqliteAuditStore(openDatabase(':memory:'), undefined, { maxRows: 5, pruneEvery: 4 })
  const objects = () => trail.list({ limit: 100 }).map(({ object }) => object)
  for (let day = 1; day <= 11; day++) await trail.add(entry(`day ${day}`), new Date(START + day * DAY))
  // Looked for at the fourth and the eighth; since then three more came.
  expect(objects()).toEqual([11, 10, 9, 8, 7, 6, 5, 4].map((day) => `day ${day}`))
  await trail.add(entry('day 12'), new Date(START + 12 * DAY))
  expect(objects()).toHaveLength(5)
  for (let day = 409; day <= 412; day++) await trail.add(entry(`day ${day}`), new Date(START + day * DAY))
  expect(objects()).toEqual([412, 411, 410, 409, 12].map((day) => `day ${day}`))
  for (let day = 413; day <= 416; day++) await trail.add(entry(`day ${day}`), new Date(START + day * DAY))
  expect(objects()).not.toContain('day 12')
})
