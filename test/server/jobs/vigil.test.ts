import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { BUDGETS } from '../../../src/server/jobs/budgets.ts'
import type { Listener } from '../../../src/server/jobs/feed.ts'
import type { Job } from '../../../src/server/jobs/machine.ts'
import { createVigil } from '../../../src/server/jobs/vigil.ts'
import { sleep } from '../../../src/shared/time.ts'
import type { Core } from '../support/with-worker.ts'
import { openCore } from '../support/with-worker.ts'

let core: Core

beforeEach(async () => {
  core = await openCore(':memory:')
})

afterEach(() => core.close())

const progress = (bytes: number) => ({
  step: 'image-linux',
  bytes,
  totalBytes: 10,
  rate: null,
  message: 'layer 2 of 3',
  at: new Date(),
})

async function booted() {
  const job = await core.create()
  core.machine.onBoot = () => undefined
  return job
}

test('a maintenance OS that says nothing any more is called silent since its last word, and not when it speaks again', async () => {
  const job = await booted()
  core.run({ silenceMs: 100 })
  await core.until(job.id, ({ phase }) => phase === 'booting' && core.machine.power === 'on')
  await core.record.progress(job.id, 'running:image-linux', progress(1))
  const silent = await core.until(job.id, ({ silentSince }) => silentSince !== null)
  const since = silent.silentSince?.getTime() ?? 0
  expect(Math.abs(since - (silent.progress?.at.getTime() ?? 0))).toBeLessThan(1_000)
  await core.record.progress(job.id, 'running:image-linux', progress(2))
  expect(await core.jobs.find(job.id)).toMatchObject({ silentSince: null, status: 'provisioning' })
})

test('progress keeps a job alive beyond its time; silence then ends it, with the last word', async () => {
  const job = await booted()
  core.run({ firmwareMs: 400, silenceMs: 300 })
  await core.until(job.id, ({ phase }) => phase === 'booting' && core.machine.power === 'on')
  for (let bytes = 1; bytes <= 8; bytes++) {
    await core.record.progress(job.id, 'running:image-linux', progress(bytes))
    await sleep(75)
  }
  expect(await core.jobs.find(job.id)).toMatchObject({ status: 'provisioning' })
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  expect(done).toMatchObject({ outcome: 'timeout', failedStep: 'webhook.wait' })
  expect(done.message).toMatch(/last seen in running:image-linux, 0 min ago \("layer 2 of 3"\)/)
})

test('a smaller budget takes no time from a job that has begun, also after a restart', async () => {
  const MINUTE = 60_000
  let now = 0
  onTestFinished(() => void vi.restoreAllMocks())
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  const deadline = new Date(90 * MINUTE)
  const job = { ...(await core.create()), status: 'provisioning', phase: 'booting', deadline } as const
  const looks: string[] = []
  const vigil = createVigil({
    jobs: { find: async () => job },
    record: { apply: async () => looks.push('given up') },
    feed: { listen: () => () => undefined },
    bootWatch: { summary: async () => '', check: async () => looks.push('waits') },
    clock: { now: () => new Date(0) },
  } as unknown as Parameters<typeof createVigil>[0])
  const stop = new AbortController()
  const outcome = vigil.outcome(job.id, { ...BUDGETS, firmwareMs: 30 * MINUTE }, stop.signal)
  while (vigil.waiting() === 0) await sleep(1)
  const ended = [outcome.catch(() => undefined), vigil.run(1, stop.signal)]
  for (const [minutes, seen] of [
    [31, 'waits'],
    [91, 'given up'],
  ] as const) {
    now = minutes * MINUTE
    await sleep(2)
    looks.length = 0
    while (looks.length === 0) await sleep(1)
    expect(looks[0]).toBe(seen)
  }
  stop.abort()
  await Promise.all(ended)
})

test('to be called silent is no word: the job ends at its deadline, with the minutes since the last one', async () => {
  const MINUTE = 60_000
  let now = 0
  onTestFinished(() => void vi.restoreAllMocks())
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  const at = () => new Date(now)
  let job: Job = {
    ...{ ...(await core.create()), status: 'provisioning', phase: 'running:image-linux' },
    deadline: new Date(90 * MINUTE),
    progress: { ...progress(1), at: at() },
  }
  let hear: Listener = () => undefined
  let ended = ''
  // As a store gives it: every reading is another object.
  const changed = (facts: Partial<Job>) => {
    job = structuredClone({ ...job, ...facts })
    hear({ kind: 'job', jobId: job.id, job, isProgress: false })
  }
  const vigil = createVigil({
    jobs: { find: async () => job },
    record: {
      silent: async (_id: string, silentSince: Date) => changed({ silentSince }),
      apply: async (_id: string, event: { message: string }) => {
        ended = event.message
        changed({ status: 'complete' })
      },
    },
    feed: {
      listen: (_id: string, listener: Listener) => {
        hear = listener
        return () => undefined
      },
    },
    clock: { now: at },
  } as unknown as Parameters<typeof createVigil>[0])
  const stop = new AbortController()
  const outcome = vigil.outcome(job.id, { ...BUDGETS, silenceMs: 5 * MINUTE }, stop.signal)
  while (vigil.waiting() === 0) await sleep(1)
  const running = vigil.run(1, stop.signal)
  now = 84 * MINUTE
  changed({ progress: { ...progress(2), at: at() } })
  now = 89 * MINUTE
  while (job.silentSince === null) await sleep(1)
  now = 90 * MINUTE
  await outcome
  expect(ended).toContain('last seen in running:image-linux, 6 min ago')
  stop.abort()
  await running
})

test('progress without end does not keep a job alive for ever', async () => {
  const job = await booted()
  core.run({ firmwareMs: 100, silenceMs: 60_000 })
  await core.until(job.id, ({ phase }) => phase === 'booting' && core.machine.power === 'on')
  const posting = setInterval(
    () => void core.record.progress(job.id, 'running:image-linux', progress(1)).catch(() => undefined),
    20,
  )
  const done = await core.until(job.id, ({ status }) => status === 'complete')
  clearInterval(posting)
  expect(done.outcome).toBe('timeout')
})

test('many servers install at once with one conversation at a time', async () => {
  const slow = await booted()
  core.run({}, {}, 1)
  await core.until(slow.id, ({ phase }) => phase === 'booting' && core.machine.power === 'on')
  core.machine.serial = 'SN2'
  const other = await core.create('SN2')
  await core.until(other.id, ({ phase }) => phase === 'booting')
  expect(await core.jobs.find(slow.id)).toMatchObject({ status: 'provisioning' })
})
