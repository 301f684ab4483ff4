import { expect, test } from 'vitest'
import { spanOf, statusMessage } from '../../../src/server/jobs/history.ts'
import type { JobEvent, JobStatus } from '../../../src/server/jobs/machine.ts'
import { applyEvent, TRANSITIONS } from '../../../src/server/jobs/machine.ts'
import type { EntryType } from '../../../src/server/jobs/ports.ts'
import { sampleJob } from '../support/sample-job.ts'

const FAILURE = { failedStep: 'partition.service', message: 'complete nonsense\nsucceeded' }
const EVENTS: readonly JobEvent[] = [
  { type: 'claimed' },
  { type: 'reported-success' },
  { type: 'reported-failure', failedStep: 'partition.service', message: null },
  { type: 'reported-failure', ...FAILURE },
  { type: 'broke', ...FAILURE },
  { type: 'timed-out', ...FAILURE },
  { type: 'cancelled' },
  { type: 'cleaned-up' },
]

test('what is told of a change of status names the phase that the job is in after it', () => {
  const seen = new Set<string>()
  for (const status of Object.keys(TRANSITIONS) as JobStatus[]) {
    const before = sampleJob({ status, phase: 'mounting' })
    for (const event of EVENTS.filter(({ type }) => type in TRANSITIONS[status])) {
      const after = applyEvent(before, event, new Date(0))
      if (after === before) continue
      seen.add(event.type)
      const expected = after.status === 'complete' ? 'complete' : after.phase
      expect(spanOf({ type: 'status', message: statusMessage(event) }), event.type).toBe(expected)
    }
  }
  expect(seen.size).toBe(new Set(EVENTS.map(({ type }) => type)).size)
})

test.for<[EntryType, string, string | null]>([
  ['status', 'queued', 'queued'],
  ['phase', 'running:image-linux', 'running:image-linux'],
  ['note', 'failed to restart the BMC', null],
  ['step', 'complete', null],
  ['status', 'something of a later version', null],
])('%s "%s" begins %s', ([type, message, span]) => {
  expect(spanOf({ type, message })).toBe(span)
})
