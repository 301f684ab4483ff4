import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { jobRecord } from '../../../src/server/jobs/record.ts'
import { systemClock } from '../../../src/shared/time.ts'
import { scratch } from '../../support/scratch.ts'
import type { Core } from '../support/with-worker.ts'
import { openCore } from '../support/with-worker.ts'

let core: Core

beforeEach(async () => {
  core = await openCore(join(scratch(), 'controller.db'))
})

afterEach(() => core.close())

const messages = async (id: string) => (await core.jobs.history(id, 0)).map(({ message }) => message)

test('a job boots the maintenance OS once, waits for its report, and leaves the server on without media', async () => {
  const job = await core.create()
  core.machine.onBoot = () => void core.record.apply(job.id, { type: 'reported-success' })
  core.run()
  const done = await core.until(job.id, ({ status }) => status === 'complete')

  expect(done).toMatchObject({ outcome: 'success', failedStep: null })
  expect(core.machine).toMatchObject({ power: 'on', media: undefined, armed: false, starts: 2 })
  expect(core.machine.calls).toEqual([
    'facts',
    'insertMedia',
    'bootOnceFromCd',
    'powerOff',
    'powerOn',
    'facts',
    'powerOff',
    'ejectMedia',
    'clearBootOverride',
    'powerOn',
  ])
  expect(await messages(job.id)).toEqual(
    expect.arrayContaining(['queued', 'provisioning', 'mounting', 'booting', 'succeeded', 'complete']),
  )
})

test('a BMC that takes boot settings while the server is off alone gets them then', async () => {
  Object.assign(core.machine, { armsWhenOff: true, power: 'on' })
  const job = await core.create()
  core.machine.onBoot = () => void core.record.apply(job.id, { type: 'reported-success' })
  core.run()
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done.outcome).toBe('success')
  expect(core.machine.starts).toBe(2)
})

test('a reported failure keeps its step and its message, and the server stays off', async () => {
  const job = await core.create()
  const report = { type: 'reported-failure', failedStep: 'partition.service', message: 'no such disk' } as const
  core.machine.onBoot = () => void core.record.apply(job.id, report)
  core.run()
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done).toMatchObject({ outcome: 'failed', failedStep: 'partition.service', message: 'no such disk' })
  expect(core.machine).toMatchObject({ power: 'off', media: undefined, starts: 1 })
})

test.for<[string, string]>([
  ['insertMedia', 'redfish.mount.maintenance'],
  ['bootOnceFromCd', 'redfish.boot-override'],
  ['powerOff', 'redfish.reset'],
  ['powerOn', 'redfish.reset'],
])('when the BMC refuses %s the job fails in %s and is cleaned up', async ([method, step]) => {
  core.machine.broken.add(method)
  const job = await core.create()
  core.run({ resetMs: 100, cleanupMs: 100 })
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done).toMatchObject({ outcome: 'failed', failedStep: step })
  expect(done.message).toContain('the fake BMC refuses')
  expect(core.machine.calls).toContain('ejectMedia')
})

test.for<[string, boolean]>([
  ['a controller before this one has restarted', true],
  ['does not let itself be restarted', false],
])('a stuck BMC that %s is not restarted again: the job fails with what it said', async ([, before]) => {
  core.machine.broken.add('stuck').add('restart')
  const job = await core.create()
  if (before) await core.jobs.note(job.id, { type: 'bmc-restart', message: 'restarted' }, new Date())
  core.run({ cleanupMs: 100 })
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done).toMatchObject({ outcome: 'failed', failedStep: 'redfish.mount.maintenance' })
  expect(done.message).toContain('the fake BMC is stuck')
  expect(core.machine.calls.filter((call) => call === 'restart')).toHaveLength(before ? 0 : 1)
})

test('silence ends in a timeout', async () => {
  const job = await core.create()
  core.run({ firmwareMs: 0 })
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done).toMatchObject({ outcome: 'timeout', failedStep: 'webhook.wait' })
  // What the media know of the boot: how far the server came.
  expect(done.message).toBe('no report came from the maintenance OS: nothing is known')
})

test('a cancelled job is cleaned up and keeps its outcome when the report comes late', async () => {
  const job = await core.create()
  core.run()
  await core.until(job.id, ({ phase }) => phase === 'booting')
  await core.record.apply(job.id, { type: 'cancelled' })
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  await core.record.apply(job.id, { type: 'reported-success' })
  expect(done).toMatchObject({ outcome: 'cancelled' })
  expect(await core.jobs.find(job.id)).toMatchObject({ outcome: 'cancelled', status: 'complete' })
  expect(core.machine).toMatchObject({ power: 'off', media: undefined })
})

test('a job that another process has ended is cleaned up by the worker that holds it, and whoever listens hears of it', async () => {
  const job = await core.create()
  const heard: string[] = []
  core.feed.listen(job.id, (happening) => happening.kind === 'job' && heard.push(happening.job.status))
  core.run()
  const waiting = await core.until(job.id, ({ phase }) => phase === 'booting')
  const other = jobRecord(core.jobs, systemClock, () => undefined)
  await other.apply(waiting.id, { type: 'cancelled' })
  expect(await core.until(job.id, ({ status }) => status === 'complete')).toMatchObject({ outcome: 'cancelled' })
  expect(heard).toContain('failed')
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

    core.run()
    await core.until(job.id, () => core.machine.power === 'on' && core.machine.starts === 1)
    await core.record.apply(job.id, { type: 'reported-success' })
    const done = await core.until(job.id, ({ status }) => status === 'complete')
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
  await core.record.starting(job.id, new Date(Date.now() + 60_000))
  core.machine.broken.clear()
  core.run()
  await core.until(job.id, () => core.machine.starts === 1)
  await core.record.apply(job.id, { type: 'reported-success' })
  await core.until(job.id, ({ status }) => status === 'complete')
  expect(core.machine.calls.filter((call) => call === 'insertMedia')).toEqual([])
})

test('a job that is cancelled before it begins leaves its server alone', async () => {
  core.machine.power = 'on'
  const job = await core.create()
  await core.record.apply(job.id, { type: 'cancelled' })
  core.run()
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done).toMatchObject({ outcome: 'cancelled' })
  expect(core.machine).toMatchObject({ power: 'on', calls: [] })
})

test('a BMC that belongs to another server is not told to switch it off', async () => {
  core.machine.power = 'on'
  core.machine.serial = 'SN2'
  const job = await core.create()
  core.run()
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done).toMatchObject({ outcome: 'failed', failedStep: 'redfish.discover' })
  expect(done.message).toContain('it belongs to server "SN2", not "SN1"')
  expect(core.machine).toMatchObject({ power: 'on', calls: ['facts'] })
})

test('a BMC that belongs to another server by the time of the cleanup is left alone as well', async () => {
  const job = await core.create()
  core.run()
  await core.until(job.id, ({ phase }) => phase === 'booting' && core.machine.power === 'on')
  core.machine.serial = 'SN2'
  await core.record.apply(job.id, { type: 'cancelled' })
  await core.until(job.id, ({ status }) => status === 'complete')
  expect(core.machine.power).toBe('on')
  expect(await messages(job.id)).toContainEqual(expect.stringContaining('cleanup.reset failed: Cannot use this BMC'))
})

test('a controller killed while the installed system starts does not switch it off again', async () => {
  const job = await core.create()
  core.machine.onBoot = () => void core.record.apply(job.id, { type: 'reported-success' })
  const first = core.run()
  core.machine.onOwnBoot = () => {
    first.kill()
    throw new Error('killed')
  }
  await first.ended
  expect(await core.jobs.find(job.id)).toMatchObject({ status: 'succeeded' })
  const before = core.machine.calls.length

  core.run()
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done.outcome).toBe('success')
  expect(core.machine.calls.slice(before)).toEqual(['facts', 'powerOn'])
  expect(core.machine).toMatchObject({ power: 'on', starts: 2 })
})

test('a report that comes after a controller was away for longer than the deadline still counts', async () => {
  const job = await core.create()
  await core.record.apply(job.id, { type: 'claimed' })
  await core.record.enter(job.id, 'mounting')
  await core.record.starting(job.id, new Date(Date.now() - 60_000))
  core.machine.power = 'on'
  core.run()
  await core.until(job.id, () => core.machine.calls.includes('facts'))
  const progress = { step: 'image-linux', bytes: 1, totalBytes: 2, rate: null, message: null, at: new Date() }
  await core.record.progress(job.id, 'running:image-linux', progress)
  await core.record.apply(job.id, { type: 'reported-success' })
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done).toMatchObject({ outcome: 'success' })
})

test('a clock that is set forward neither ends a job nor begins it twice', async () => {
  const job = await core.create()
  core.run()
  await core.until(job.id, ({ phase }) => phase === 'booting' && core.machine.power === 'on')
  core.setClock(3 * 60 * 60_000)
  const leases = core.stored.get('lease') ?? 0
  await core.until(job.id, () => (core.stored.get('lease') ?? 0) > leases + 1)
  const progress = { step: 'image-linux', bytes: 1, totalBytes: 2, rate: null, message: null, at: new Date() }
  await core.record.progress(job.id, 'running:image-linux', progress)
  await core.record.apply(job.id, { type: 'reported-success' })
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done).toMatchObject({ outcome: 'success' })
  expect(await messages(job.id)).not.toContainEqual(expect.stringContaining('the controller was restarted'))
})

test.for(['enlist', 'lease', 'beat'])('a store that fails to %s for a while ends no worker', async (method) => {
  const job = await core.create()
  core.faults.add(method)
  core.machine.onBoot = () => void core.record.apply(job.id, { type: 'reported-success' })
  core.run()
  await core.until(job.id, () => (core.stored.get(method) ?? 0) > 0)
  core.faults.clear()
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done.outcome).toBe('success')
})

test('work that fails at once is not begun again at once', async () => {
  const job = await core.create()
  core.faults.add('save')
  core.run()
  await core.until(job.id, () => (core.stored.get('lease') ?? 0) > 2)
  expect(core.stored.get('save')).toBe(1)
})
