import { expect, test } from 'vitest'
import { openDatabase } from '../../../src/server/store/database.ts'
import { sqliteJobStore } from '../../../src/server/store/jobs.ts'
import { ENDED } from '../../../src/server/store/pruning.ts'
import { withServers } from '../support/add-server.ts'
import { sampleJob } from '../support/sample-job.ts'

const DAY = 86_400_000
const NOW = Date.parse('2026-06-01T00:00:00Z')
const daysAgo = (days: number) => new Date(NOW - days * DAY)

test('jobs that ended before a time go, the oldest first, with all that is kept of them; others stay whole', async () => {
  const serials = ['SN1', 'SN2', 'SN3', 'SN4']
  const db = await withServers(openDatabase(':memory:'), ...serials)
  const jobs = sqliteJobStore(db)
  const ages = [400, 500, 10, 600]
  for (const [index, serialNumber] of serials.entries()) {
    const at = daysAgo(ages[index] ?? 0)
    const id = `01J${index}`
    const job = { ...sampleJob(), id, mediaToken: id, idempotencyKey: id, serverSerial: serialNumber, createdAt: at }
    // The last one is as old as can be, and has not ended.
    const status = index === 3 ? 'provisioning' : 'complete'
    await jobs.create({ ...job, status, updatedAt: at }, { type: 'status', message: 'queued' })
    await jobs.addLog(id, 'words', at)
  }
  expect(await jobs.prune(daysAgo(365), 1)).toBe(1)
  expect(await jobs.find('01J1')).toBeUndefined()
  expect(await jobs.prune(daysAgo(365), 5)).toBe(1)
  expect(await jobs.prune(daysAgo(365), 5)).toBe(0)
  const count = (table: string) => Number(db.prepare(`SELECT COUNT(*) AS n FROM ${table}`).get()?.['n'])
  expect(['jobs', 'history', 'logs', 'recipes'].map(count)).toEqual([2, 2, 2, 2])
  expect((await jobs.list({ limit: 10 })).map(({ id }) => id)).toEqual(['01J3', '01J2'])
  // The key is free: whoever repeats a request of years ago gets a new job.
  expect(await jobs.byIdempotencyKey('01J0')).toBeUndefined()
  expect(await jobs.byIdempotencyKey('01J2')).toMatchObject({ id: '01J2' })
})

test('what ended long ago is found by an index', async () => {
  const db = openDatabase(':memory:')
  const plan = db.prepare(`EXPLAIN QUERY PLAN ${ENDED}`).all('2026', 1)
  expect(plan.map(({ detail }) => detail)).toEqual([expect.stringContaining('USING INDEX ended_jobs (updated_at<?)')])
})
