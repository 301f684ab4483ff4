import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { JobEvent, JobPhase, JobStatus } from '../../../src/server/jobs/machine.ts'
import { applyEvent, enterPhase, TRANSITIONS } from '../../../src/server/jobs/machine.ts'
import { sampleJob } from '../support/sample-job.ts'

const NOW = new Date('2026-01-02T03:04:05Z')

const EVENTS: Record<JobEvent['type'], JobEvent> = {
  claimed: { type: 'claimed' },
  'reported-success': { type: 'reported-success' },
  'reported-failure': { type: 'reported-failure', failedStep: 'partition.service', message: 'no such disk' },
  broke: { type: 'broke', failedStep: 'redfish.reset', message: 'no answer' },
  'timed-out': { type: 'timed-out', failedStep: 'webhook.wait', message: 'silence' },
  cancelled: { type: 'cancelled' },
  'cleaned-up': { type: 'cleaned-up' },
}

test.for<[JobStatus, JobEvent['type'], JobStatus, string | null]>([
  ['queued', 'claimed', 'provisioning', null],
  ['queued', 'cancelled', 'failed', 'cancelled'],
  ['provisioning', 'reported-success', 'succeeded', 'success'],
  ['provisioning', 'reported-failure', 'failed', 'failed'],
  ['provisioning', 'timed-out', 'failed', 'timeout'],
  ['provisioning', 'cancelled', 'failed', 'cancelled'],
  ['succeeded', 'reported-failure', 'succeeded', null],
  ['failed', 'reported-success', 'failed', null],
  ['failed', 'cleaned-up', 'complete', null],
  ['complete', 'reported-success', 'complete', null],
])('a %s job that is %s becomes %s', ([from, event, to, outcome]) => {
  const after = applyEvent(sampleJob({ status: from }), EVENTS[event], NOW)
  expect(after).toMatchObject({ status: to, outcome })
})

test('an event missing from the table is refused, not applied', () => {
  expect(() => applyEvent(sampleJob({ status: 'complete' }), EVENTS.claimed, NOW)).toThrow(
    expect.objectContaining({ code: 'job-transition' }),
  )
})

test('outcome and failed step survive "complete"', () => {
  const failed = applyEvent(sampleJob({ status: 'provisioning' }), EVENTS['reported-failure'], NOW)
  expect(applyEvent(failed, EVENTS['cleaned-up'], NOW)).toMatchObject({
    status: 'complete',
    outcome: 'failed',
    failedStep: 'partition.service',
  })
})

test('no sequence of events changes an outcome once it is there, or leaves "complete"', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...Object.values(EVENTS)), { maxLength: 30 }), (sequence) => {
      let job = sampleJob({ status: 'queued' })
      for (const event of sequence) {
        if (!(event.type in TRANSITIONS[job.status])) continue
        const next = applyEvent(job, event, NOW)
        if (job.outcome !== null) expect(next.outcome).toBe(job.outcome)
        if (job.status === 'complete') expect(next).toBe(job)
        job = next
      }
    }),
  )
})

test.for<[JobPhase | null, JobPhase, JobPhase]>([
  ['preparing', 'mounting', 'mounting'],
  ['mounting', 'preparing', 'preparing'],
  ['booting', 'preparing', 'booting'],
  ['booting', 'mounting', 'booting'],
  ['running:image-linux', 'dispatching', 'running:image-linux'],
  ['running:partition', 'running:image-linux', 'running:image-linux'],
])('in %s, entering %s leads to %s', ([from, to, expected]) => {
  expect(enterPhase(sampleJob({ status: 'provisioning', phase: from }), to, NOW).phase).toBe(expected)
})

test('a late post never moves a job that has ended', () => {
  const job = sampleJob({ status: 'failed', phase: 'cleaning-up' })
  expect(enterPhase(job, 'running:image-linux', NOW)).toBe(job)
})
