import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { refusal } from '../../../src/server/jobs/bmc-refusal.ts'
import { AppError } from '../../../src/shared/errors.ts'
import { scratch } from '../../support/scratch.ts'
import type { Core } from '../support/with-worker.ts'
import { openCore } from '../support/with-worker.ts'

let core: Core

beforeEach(async () => {
  core = await openCore(join(scratch(), 'controller.db'))
})

afterEach(() => core.close())

const messages = async (id: string) => (await core.jobs.history(id, 0)).map(({ message }) => message)

test('a BMC that has just started and lists no system yet is asked again', async () => {
  core.machine.broken.add('system')
  const job = await core.create()
  core.machine.onBoot = () => void core.record.apply(job.id, { type: 'reported-success' })
  core.run()
  await core.until(job.id, () => core.machine.calls.length >= 3)
  core.machine.broken.clear()
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done.outcome).toBe('success')
  expect(await messages(job.id)).toContain(
    'the BMC is not ready, trying on: Cannot find the system: the BMC lists none',
  )
})

test('a BMC whose virtual media are stuck is restarted once by a job, which then goes on', async () => {
  core.machine.broken.add('stuck')
  core.machine.refusals = 2
  const job = await core.create()
  core.machine.onBoot = () => void core.record.apply(job.id, { type: 'reported-success' })
  core.run()
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done).toMatchObject({ outcome: 'success' })
  expect(core.machine.calls.slice(0, 8)).toEqual([
    ...['facts', 'insertMedia', 'restart', 'login', 'login', 'facts', 'insertMedia', 'bootOnceFromCd'],
  ])
  const restarts = (await core.jobs.history(job.id, 0)).filter(({ type }) => type === 'bmc-restart')
  expect(restarts).toMatchObject([{ message: expect.stringContaining('the fake BMC is stuck') }])
})

test('a BMC that goes on refusing the login after its restart fails no mount, but the login', async () => {
  core.machine.broken.add('stuck')
  core.machine.refusals = 100
  const job = await core.create()
  core.run({ cleanupMs: 100 })
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done).toMatchObject({ outcome: 'failed', failedStep: 'redfish.discover' })
})

test('a BMC that a controller before this one has restarted, and that is away, is waited for', async () => {
  core.machine.broken.add('away')
  const job = await core.create()
  await core.jobs.note(job.id, { type: 'bmc-restart', message: 'restarted' }, new Date())
  core.machine.onBoot = () => void core.record.apply(job.id, { type: 'reported-success' })
  core.run({ cleanupMs: 100 })
  await core.until(job.id, ({ status }) => core.machine.calls.length > 5 || status === 'complete')
  core.machine.broken.clear()
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done).toMatchObject({ outcome: 'success' })
})

test('an account that the BMC refuses is tried once by a job', async () => {
  core.machine.broken.add('login')
  const job = await core.create()
  core.run()
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done).toMatchObject({ outcome: 'failed', failedStep: 'redfish.discover' })
  expect(core.machine.calls).toEqual(['login'])
})

test('a BMC that does not answer after a restart does not fail a server that works', async () => {
  const job = await core.create()
  await core.record.apply(job.id, { type: 'claimed' })
  await core.record.enter(job.id, 'mounting')
  await core.record.starting(job.id, new Date(Date.now() + 60_000))
  core.machine.power = 'on'
  core.machine.broken.add('facts')
  core.run()
  await core.until(job.id, () => core.machine.calls.includes('facts'))
  core.machine.broken.clear()
  await core.record.apply(job.id, { type: 'reported-success' })
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done).toMatchObject({ outcome: 'success', failedStep: null })
})

test('a BMC that is away when it has switched the server on does not fail a server that works', async () => {
  const job = await core.create()
  core.machine.powerOnAnswer = new AppError('redfish-unreachable', 'Cannot reach the fake BMC')
  core.run()
  await core.until(job.id, ({ phase }) => phase === 'booting' && core.machine.power === 'on')
  await core.record.apply(job.id, { type: 'reported-success' })
  core.machine.powerOnAnswer = undefined
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done).toMatchObject({ outcome: 'success', failedStep: null })
  expect(core.machine.starts).toBe(2)
})

test('a BMC that refuses for good to switch on, or dies after it has, fails no job that the maintenance OS works on', async () => {
  const job = await core.create()
  core.machine.powerOnAnswer = new AppError('redfish-unsupported', 'Cannot read the fake BMC')
  const progress = { step: 'image-linux', bytes: 1, totalBytes: 2, rate: null, message: null, at: new Date() }
  core.machine.onBoot = () => core.record.progress(job.id, 'running:image-linux', progress).then(() => undefined)
  core.run()
  await core.until(job.id, ({ phase }) => phase === 'running:image-linux')
  await core.until(job.id, () => core.machine.calls.includes('powerOn'))
  core.machine.powerOnAnswer = undefined
  await core.record.apply(job.id, { type: 'reported-success' })
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done).toMatchObject({ outcome: 'success', failedStep: null })
})

test('the switch has its own time: media that took all of theirs leave it whole', async () => {
  const job = await core.create()
  core.machine.onAfterMs = 300
  core.machine.onBoot = () => void core.record.apply(job.id, { type: 'reported-success' })
  core.run({ mountMs: 150 })
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done).toMatchObject({ outcome: 'success', failedStep: null })
})

test('a server that is not on when the time of the switch is over fails with what its BMC said', async () => {
  const job = await core.create()
  core.machine.broken.add('powerOn')
  core.run({ resetMs: 60, cleanupMs: 60 })
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done).toMatchObject({ outcome: 'failed', failedStep: 'redfish.reset' })
  expect(done.message).toContain('the fake BMC refuses')
  expect(core.machine.calls.filter((call) => call === 'powerOn').length).toBeGreaterThan(1)
  expect((await messages(job.id)).filter((text) => text.includes('not switched on, trying on'))).toHaveLength(1)
})

test('an order to switch on that is refused for good fails the job at once', async () => {
  const job = await core.create()
  core.machine.powerOnAnswer = refusal('redfish-answer', 'Cannot switch the server on: HTTP 403', {
    status: 403,
    isFinal: true,
  })
  core.run({ cleanupMs: 60 })
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done).toMatchObject({ outcome: 'failed', failedStep: 'redfish.reset' })
  expect(core.machine.calls.filter((call) => call === 'powerOn')).toHaveLength(1)
})
