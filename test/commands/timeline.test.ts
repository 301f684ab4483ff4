import { expect, test } from 'vitest'
import { spansOf, timelineText } from '../../src/commands/timeline.ts'
import { progressLine } from '../../src/commands/watch.ts'
import type { EntryType } from '../../src/server/jobs/ports.ts'
import { eventView, jobView } from '../../src/server/routes/views.ts'
import { sampleJob } from '../server/support/sample-job.ts'

const TOLD: readonly (readonly [number, EntryType, string])[] = [
  [0, 'status', 'queued'],
  [1, 'status', 'provisioning'],
  [2, 'phase', 'mounting'],
  [3, 'phase', 'booting'],
  [4, 'media', 'maintenance.iso is being read'],
  [20, 'phase', 'running:partition'],
  [25, 'status', 'failed in partition.service: no such disk'],
  [30, 'status', 'complete'],
]
const EVENTS = TOLD.map(([second, type, message], index) =>
  eventView({ seq: index + 1, at: new Date(Date.UTC(2026, 0, 1, 0, 0, second)), type, message }),
)

test('each phase lasts until the next begins, the last until the job is complete', () => {
  expect(spansOf(EVENTS)).toEqual([
    { name: 'queued', startSeconds: 0, seconds: 1 },
    { name: 'preparing', startSeconds: 1, seconds: 1 },
    { name: 'mounting', startSeconds: 2, seconds: 1 },
    { name: 'booting', startSeconds: 3, seconds: 17 },
    { name: 'running:partition', startSeconds: 20, seconds: 5 },
    { name: 'cleaning-up', startSeconds: 25, seconds: 5 },
  ])
})

test('a phase that still runs has no length yet, and no events give no phases', () => {
  expect(spansOf(EVENTS.slice(0, 4)).at(-1)).toEqual({ name: 'booting', startSeconds: 3, seconds: undefined })
  expect(spansOf([])).toEqual([])
})

test('the timeline fits the width it is given', () => {
  const lines = timelineText(spansOf(EVENTS), 80).trimEnd().split('\n')
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
  expect(lines[4]).toMatch(/^ {5}3\.0 {2}booting +17\.0 s +█+$/)
})

test('progress is shown with its share, rate and the time left', () => {
  const progress = {
    step: 'image-linux',
    bytes: 50 * 2 ** 20,
    totalBytes: 100 * 2 ** 20,
    rate: 10 * 2 ** 20,
    message: null,
    at: new Date(),
  }
  const job = jobView(sampleJob({ status: 'provisioning', phase: 'running:image-linux', progress }))
  expect(progressLine(job, 100)).toMatch(
    /^running:image-linux \[#+-+\] 50 % 50\.0 MiB of 100 MiB, 10\.0 MiB\/s, 5 s left$/,
  )
})

test('while a server boots, the line says what it reads', () => {
  const progress = {
    step: 'boot',
    bytes: 1,
    totalBytes: 2,
    rate: 3,
    message: 'the server has read 50 %',
    at: new Date(0),
  }
  const job = jobView(sampleJob({ status: 'provisioning', phase: 'booting', progress }))
  expect(progressLine(job, 80)).toBe('booting: the server has read 50 %')
  expect(progressLine(job, 20)).toBe('booting: the server')
})
