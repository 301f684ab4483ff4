import { pino } from 'pino'
import { expect, test } from 'vitest'
import type { ServeConfig } from '../../src/config.ts'
import { BUDGETS } from '../../src/server/jobs/budgets.ts'
import { liveSettings } from '../../src/server/live-settings.ts'
import { reload } from '../../src/shared/reload.ts'
import { configOf } from './support/serve-config.ts'

test('workers, budgets, the life of jobs and the image are taken over, and what needs a restart is not', async () => {
  const first = configOf({ dataDir: '/data', workers: 4, budgets: { webhook: 60 }, keepJobs: 365 })
  const log = pino({ level: 'silent' })
  const exchanged: (string | undefined)[] = []
  const live = liveSettings(first, log, async (path) => void exchanged.push(path))
  const before = live.budgetsNow()
  const next: ServeConfig = {
    ...first,
    workers: 9,
    budgets: { cleanup: 2 },
    keepJobs: 30,
    maintenanceIso: 'b.iso',
    dataDir: '/other',
  }
  const after = await reload(first, { read: async () => next, apply: live.apply, always: ['maintenanceIso'], log })
  expect([live.conversations.limit, live.keepDays(), exchanged]).toEqual([9, 30, ['b.iso']])
  expect(live.budgetsNow()).toEqual({ ...BUDGETS, cleanupMs: 120_000 })
  // Whoever holds them keeps what it began with.
  expect(before.webhookMs).toBe(3_600_000)
  expect(after).toEqual({ ...next, dataDir: '/data' })
})
