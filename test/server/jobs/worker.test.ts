import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Core } from '../support/with-worker.ts'
import { openCore } from '../support/with-worker.ts'

let directory = ''
let core: Core

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'provisioner-worker-'))
  core = await openCore(join(directory, 'controller.db'))
})

afterEach(() => {
  core.close()
  rmSync(directory, { recursive: true })
})

const messages = async (id: string) => (await core.jobs.history(id, 0)).map(({ message }) => message)

test('a job boots the maintenance OS once, waits for its report, and leaves the server on without media', async () => {
  const job = await core.create()
  core.machine.onBoot = () => void core.record.apply(job.id, { type: 'reported-success' })
  const worker = core.run()
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  worker.kill()
  await worker.ended

  expect(done).toMatchObject({ outcome: 'success', failedStep: null })
  expect(core.machine).toMatchObject({ power: 'on', media: undefined, armed: false, starts: 2 })
  expect(core.machine.calls).toEqual([
    'facts',
    'insertMedia',
    'bootOnceFromCd',
    'powerOff',
    'powerOn',
    'powerOff',
    'ejectMedia',
    'clearBootOverride',
    'powerOn',
  ])
  expect(await messages(job.id)).toEqual(
    expect.arrayContaining(['queued', 'provisioning', 'mounting', 'booting', 'succeeded', 'complete']),
  )
})

test('a reported failure keeps its step and its message, and the server stays off', async () => {
  const job = await core.create()
  const report = { type: 'reported-failure', failedStep: 'partition.service', message: 'no such disk' } as const
  core.machine.onBoot = () => void core.record.apply(job.id, report)
  const worker = core.run()
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  worker.kill()
  await worker.ended
  expect(done).toMatchObject({ outcome: 'failed', failedStep: 'partition.service', message: 'no such disk' })
  expect(core.machine).toMatchObject({ power: 'off', media: undefined, starts: 1 })
})

test.for<[string, string]>([
  ['facts', 'redfish.discover'],
  ['insertMedia', 'redfish.mount.maintenance'],
  ['bootOnceFromCd', 'redfish.boot-override'],
  ['powerOff', 'redfish.reset'],
  ['powerOn', 'redfish.reset'],
])('when the BMC refuses %s the job fails in %s and is cleaned up', async ([method, step]) => {
  core.machine.broken.add(method)
  const job = await core.create()
  const worker = core.run()
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  worker.kill()
  await worker.ended
  expect(done).toMatchObject({ outcome: 'failed', failedStep: step })
  expect(done.message).toContain('the fake BMC refuses')
  expect(core.machine.calls).toContain('ejectMedia')
})

test('silence ends in a timeout', async () => {
  const job = await core.create()
  const worker = core.run({ firmwareMs: 0 })
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  worker.kill()
  await worker.ended
  expect(done).toMatchObject({ outcome: 'timeout', failedStep: 'webhook.wait' })
})

test('a cancelled job is cleaned up and keeps its outcome when the report comes late', async () => {
  const job = await core.create()
  const worker = core.run()
  await core.until(job.id, ({ phase }) => phase === 'booting')
  await core.record.apply(job.id, { type: 'cancelled' })
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  await core.record.apply(job.id, { type: 'reported-success' })
  worker.kill()
  await worker.ended
  expect(done).toMatchObject({ outcome: 'cancelled' })
  expect(await core.jobs.find(job.id)).toMatchObject({ outcome: 'cancelled', status: 'complete' })
  expect(core.machine).toMatchObject({ power: 'off', media: undefined })
})

test.for(['preparing', 'mounting', 'booting', 'running:image-linux'])(
  'a controller killed in %s goes on after its restart, and the server is started once',
  async (phase) => {
    const job = await core.create()
    const first = core.run()
    if (phase.startsWith('running')) {
      await core.until(job.id, (now) => now.phase === 'booting' && core.machine.power === 'on')
      const progress = { step: 'image-linux', bytes: 1, totalBytes: 2, rate: null, message: null, at: new Date() }
      await core.record.progress(job.id, 'running:image-linux', progress)
    } else {
      await core.until(job.id, (now) => now.phase === phase || now.phase === 'booting')
    }
    first.kill()
    await first.ended

    const second = core.run()
    await core.until(job.id, () => core.machine.power === 'on' && core.machine.starts === 1)
    await core.record.apply(job.id, { type: 'reported-success' })
    const done = await core.until(job.id, ({ status }) => status === 'complete')
    second.kill()
    await second.ended
    expect(done.outcome).toBe('success')
    // Once into the maintenance OS, once into the installed system.
    expect(core.machine.starts).toBe(2)
  },
)

test('a server that was off when the controller was killed in "booting" is started after the restart', async () => {
  const job = await core.create()
  core.machine.broken.add('powerOn')
  await core.record.apply(job.id, { type: 'claimed' })
  await core.record.enter(job.id, 'mounting')
  await core.record.enter(job.id, 'booting', { deadline: new Date(Date.now() + 60_000) })
  core.machine.broken.clear()
  const worker = core.run()
  await core.until(job.id, () => core.machine.starts === 1)
  await core.record.apply(job.id, { type: 'reported-success' })
  await core.until(job.id, ({ status }) => status === 'complete')
  worker.kill()
  await worker.ended
  expect(core.machine.calls.filter((call) => call === 'insertMedia')).toEqual([])
})
