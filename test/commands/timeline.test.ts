import { expect, test } from 'vitest'
import { spansOf, timelineText } from '../../src/commands/timeline.ts'
import { progressLine } from '../../src/commands/watch.ts'
import { jobView } from '../../src/server/routes/views.ts'
import { sampleJob } from '../server/support/sample-job.ts'

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString()

const EVENTS = [
  { seq: 1, at: at(0), type: 'status', message: 'queued' },
  { seq: 2, at: at(1), type: 'status', message: 'provisioning' },
  { seq: 3, at: at(1), type: 'phase', message: 'mounting' },
  { seq: 4, at: at(3), type: 'phase', message: 'booting' },
  { seq: 5, at: at(4), type: 'media', message: 'maintenance.iso is being read' },
  { seq: 6, at: at(20), type: 'phase', message: 'running:partition' },
  { seq: 7, at: at(25), type: 'status', message: 'failed in partition.service: no such disk' },
  { seq: 8, at: at(30), type: 'status', message: 'complete' },
]

test('each phase lasts until the next begins, the last until the job is complete', () => {
  expect(spansOf(EVENTS)).toEqual([
    { name: 'queued', startSeconds: 0, seconds: 1 },
    { name: 'mounting', startSeconds: 1, seconds: 2 },
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
  expect(lines[3]).toMatch(/^ {5}3\.0 {2}booting +17\.0 s +█+$/)
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
