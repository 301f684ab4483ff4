import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Core } from '../support/with-worker.ts'
import { openCore } from '../support/with-worker.ts'

let core: Core

beforeEach(async () => {
  core = await openCore(':memory:')
})

afterEach(() => core.close())

const ANOTHER_IMAGE = { maintenance: 'another' }
const ANOTHER_TASK = { task: 'another' }
const REFUSED = { outcome: 'failed', failedStep: 'iso.serve' }

test.for([
  ['booting', ANOTHER_IMAGE, REFUSED],
  ['booting', ANOTHER_TASK, REFUSED],
  ['running:image-linux', ANOTHER_IMAGE, { outcome: 'success' }],
] as const)('a controller that comes back with other media finds a job in %s: %o', async ([phase, other, end]) => {
  const job = await core.create()
  const first = core.run()
  const booted = await core.until(job.id, (now) => now.phase === 'booting' && core.machine.power === 'on')
  expect(booted).toMatchObject({ maintenance: 'image', task: 'task' })
  if (phase !== 'booting') {
    const progress = { step: 'image-linux', bytes: 1, totalBytes: 2, rate: null, message: null, at: new Date() }
    await core.record.progress(job.id, phase, progress)
  }
  first.kill()
  await first.ended
  core.setMedia(other)
  core.run()
  if (phase !== 'booting') await core.record.apply(job.id, { type: 'reported-success' })
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done).toMatchObject(end)
  expect(core.machine.media).toBeUndefined()
})

test('a job gets the image there is when its BMC is ready, not the one there was when it began', async () => {
  core.machine.broken.add('system')
  const job = await core.create()
  core.run()
  await core.until(job.id, () => core.machine.calls.length >= 2)
  core.setMedia(ANOTHER_IMAGE)
  core.machine.broken.clear()
  const booted = await core.until(job.id, ({ phase }) => phase === 'booting')
  expect(booted).toMatchObject(ANOTHER_IMAGE)
})
