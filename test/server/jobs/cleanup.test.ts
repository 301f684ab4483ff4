import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Core } from '../support/with-worker.ts'
import { openCore } from '../support/with-worker.ts'

let core: Core

beforeEach(async () => {
  core = await openCore(':memory:')
})

afterEach(() => core.close())

const notes = async (id: string) =>
  (await core.jobs.history(id, 0)).filter(({ type }) => type === 'note').map(({ message }) => message)

/** A job that runs from our media, and the worker that waits for it. */
async function booted(cleanupMs?: number) {
  const job = await core.create()
  const worker = core.run(cleanupMs === undefined ? {} : { cleanupMs })
  await core.until(job.id, ({ phase }) => phase === 'booting' && core.machine.power === 'on')
  return { job, worker, before: core.machine.calls.length }
}

const times = (name: string, from: number) => core.machine.calls.slice(from).filter((call) => call === name).length

test.for([
  ['success', 'facts', { power: 'on', media: undefined, armed: false, starts: 2 }],
  ['success', 'powerOff', { power: 'on', media: undefined, armed: false, starts: 2 }],
  ['success', 'ejectMedia', { power: 'on', media: undefined, armed: false, starts: 2 }],
  ['success', 'clearBootOverride', { power: 'on', media: undefined, armed: false, starts: 2 }],
  ['success', 'powerOn', { power: 'on', media: undefined, armed: false, starts: 2 }],
  ['cancelled', 'facts', { power: 'off', media: undefined, armed: false, starts: 1 }],
  ['cancelled', 'powerOff', { power: 'off', media: undefined, armed: false, starts: 1 }],
] as const)('after %s a BMC that fails %s for a while is asked until it does it', async ([outcome, method, left]) => {
  const { job, before } = await booted()
  core.machine.broken.add(method)
  await core.record.apply(job.id, { type: outcome === 'success' ? 'reported-success' : 'cancelled' })
  await core.until(job.id, () => times(method, before) >= 5)
  core.machine.broken.clear()
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done.outcome).toBe(outcome)
  expect(core.machine).toMatchObject(left)
  expect(core.machine.calls).not.toContain('ejectMedia under a running system')
  expect(await notes(job.id)).toEqual([expect.stringMatching(/^cleanup\.\w+ does not succeed, trying on: Cannot do /)])
})

test('an account that the BMC refuses is not tried until it is locked', async () => {
  const { job, before } = await booted()
  core.machine.broken.add('login')
  await core.record.apply(job.id, { type: 'cancelled' })
  await core.until(job.id, ({ status }) => status === 'complete')
  expect(times('login', before)).toBe(4)
  expect((await notes(job.id)).at(-1)).toBe('cleanup.reset failed: Cannot log in to the fake BMC')
})

test('media stay in a server that cannot be switched off, and the job says so', async () => {
  const { job } = await booted(100)
  core.machine.broken.add('powerOff')
  await core.record.apply(job.id, { type: 'reported-success' })
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done.outcome).toBe('success')
  expect(core.machine.calls.filter((call) => call.startsWith('ejectMedia'))).toEqual([])
  expect((await notes(job.id)).at(-1)).toBe('cleanup.reset failed: Cannot do powerOff: the fake BMC refuses')
  const history = (await core.jobs.history(job.id, 0)).map(({ message }) => message)
  expect(history).not.toContain('switching on into the installed system')
})

test('a medium that cannot be taken out keeps no installed system off', async () => {
  const { job } = await booted(100)
  core.machine.broken.add('ejectMedia')
  await core.record.apply(job.id, { type: 'reported-success' })
  await core.until(job.id, ({ status }) => status === 'complete')
  expect(core.machine).toMatchObject({ power: 'on', starts: 2, armed: false })
  expect((await notes(job.id)).at(-1)).toBe('cleanup.unmount failed: Cannot do ejectMedia: the fake BMC refuses')
})

test('a controller that stops during a cleanup goes on with it after its restart', async () => {
  const { job, worker, before } = await booted()
  core.machine.broken.add('facts')
  await core.record.apply(job.id, { type: 'cancelled' })
  await core.until(job.id, () => times('facts', before) >= 3)
  worker.kill()
  await worker.ended
  expect(await core.jobs.find(job.id)).toMatchObject({ status: 'failed' })
  core.machine.broken.clear()
  core.run()
  await core.until(job.id, ({ status }) => status === 'complete')
  expect(core.machine).toMatchObject({ power: 'off', media: undefined })
})
