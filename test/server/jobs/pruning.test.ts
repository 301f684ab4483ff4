import { pino } from 'pino'
import { expect, test } from 'vitest'
import { pruneEnded } from '../../../src/server/jobs/pruning.ts'

const NOW = new Date('2026-06-01T00:00:00Z')

/** One look at a store with so many jobs to remove: what it was asked. */
async function look(keepDays: number, ended: number, fails = false): Promise<(readonly [string, number])[]> {
  const asked: (readonly [string, number])[] = []
  const stop = new AbortController()
  let left = ended
  const jobs = {
    async prune(before: Date, max: number) {
      asked.push([before.toISOString(), max])
      if (fails) throw new Error('the disk is full')
      const removed = Math.min(left, max)
      left -= removed
      return removed
    },
  }
  const deps = { jobs, keepDays: () => keepDays, clock: { now: () => NOW }, log: pino({ level: 'silent' }) }
  const pruning = pruneEnded(deps, stop.signal, { everyMs: 60_000, pauseMs: 0 })
  await expect.poll(() => keepDays === 0 || fails || left === 0).toBe(true)
  stop.abort()
  await pruning
  return asked
}

test('jobs go one by one, since each may have many logs, until none is left that is old enough', async () => {
  expect((await look(365, 45)).slice(0, 45)).toEqual(Array.from({ length: 45 }, () => ['2025-06-01T00:00:00.000Z', 1]))
})

test('0 keeps all; a store that cannot remove ends nothing', async () => {
  expect(await look(0, 45)).toEqual([])
  expect(await look(1, 45, true)).toEqual([['2026-05-31T00:00:00.000Z', 1]])
})
