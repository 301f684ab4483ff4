import { pino } from 'pino'
import { expect, test } from 'vitest'
import { beginTenure } from '../../../src/server/jobs/tenure.ts'
import { createControllerMetrics } from '../../../src/server/metrics.ts'
import { openDatabase } from '../../../src/server/store/database.ts'
import { sqliteJobStore } from '../../../src/server/store/jobs.ts'
import { withServers } from '../support/add-server.ts'
import { sampleJob } from '../support/sample-job.ts'

test('a worker that does not beat any more is buried once, its jobs are free, and that is counted', async () => {
  const db = await withServers(openDatabase(':memory:'), 'SN1')
  const jobs = sqliteJobStore(db)
  const metrics = createControllerMetrics()
  const counted = () => /^provisioner_worker_takeovers_total (\d+)$/m.exec(metrics.text(db))?.[1]
  await jobs.create(sampleJob(), { type: 'status', message: 'queued' })
  await jobs.enlist('dead')
  expect(await jobs.lease('dead', 1)).toHaveLength(1)
  await jobs.enlist('alive')
  expect(await jobs.lease('alive', 1)).toEqual([])
  expect(counted()).toBe('0')

  const stop = new AbortController()
  const log = pino({ level: 'silent' })
  const times = { beatMs: 10, leaseMs: 200 }
  const deps = { jobs, log, onEnded: async () => undefined, tookOver: metrics.tookOver, ...times }
  const tenure = beginTenure('alive', deps, stop.signal)
  await expect.poll(counted).toBe('1')
  expect(await jobs.lease('alive', 1)).toHaveLength(1)
  expect(await jobs.workers()).toMatchObject([{ name: 'alive' }])
  stop.abort()
  await tenure.ended
  metrics.close()
})
