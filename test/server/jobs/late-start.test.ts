import { afterEach, beforeEach, expect, test } from 'vitest'
import { sleep } from '../../../src/shared/time.ts'
import type { Core } from '../support/with-worker.ts'
import { openCore } from '../support/with-worker.ts'

let core: Core

beforeEach(async () => {
  core = await openCore(':memory:')
})

afterEach(() => core.close())

test('an order to switch on that a slow BMC carries out after the cancel is taken back before the media go', async () => {
  core.machine.onAfterMs = 300
  const job = await core.create()
  core.run({ lateStartMs: 1_000 })
  await core.until(job.id, () => core.machine.calls.includes('powerOn'))
  await core.record.apply(job.id, { type: 'cancelled' })
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  await sleep(400)
  expect(done.outcome).toBe('cancelled')
  expect(core.machine).toMatchObject({ power: 'off', media: undefined, armed: false, starts: 1 })
  expect(core.machine.calls).not.toContain('ejectMedia under a running system')
})

test('nobody waits for a late start when the order is old or was never given', async () => {
  const job = await core.create()
  core.machine.broken.add('insertMedia')
  const begun = performance.now()
  core.run({ lateStartMs: 60_000 })
  await core.until(job.id, ({ status }) => status === 'complete')
  expect(performance.now() - begun).toBeLessThan(30_000)
})
