import { pino } from 'pino'
import { expect, test } from 'vitest'
import { imageRegions } from '../../../src/isobuilder/regions.ts'
import { bytesSource } from '../../../src/isobuilder/source.ts'
import type { Job, Progress } from '../../../src/server/jobs/machine.ts'
import type { MediaSensor } from '../../../src/server/media/boot-watch.ts'
import { imageMap, mediaSensor } from '../../../src/server/media/boot-watch.ts'
import type { Medium } from '../../../src/server/media/medium.ts'
import { planMedium } from '../../../src/server/media/medium.ts'
import { file, mediumOfPlan, planOf } from '../../isobuilder/image-bytes.ts'
import { sampleJob } from '../support/sample-job.ts'

const signal = new AbortController().signal
const plan = planOf(
  [
    { path: 'root.erofs', source: bytesSource(Buffer.alloc(3 * 1024 * 1024, 'root')) },
    file('vmlinuz', 'k'.repeat(600_000)),
  ],
  'MAINTENANCE',
)
const task = planMedium(planOf([file('recipe.json')], 'TASK_1'))
const mounting = sampleJob({ status: 'provisioning', phase: 'mounting' })
const booting = sampleJob({ status: 'provisioning', phase: 'booting' })

interface Watched {
  readonly sensor: MediaSensor
  readonly notes: string[]
  readonly progress: Progress[]
  pass(ms: number): void
}

async function watched(): Promise<Watched> {
  let now = 1_000_000
  const notes: string[] = []
  const progress: Progress[] = []
  const map = imageMap(plan.size, await imageRegions(mediumOfPlan(plan), plan.size))
  const deps = {
    jobs: {
      note: async (_id: string, entry: { message: string }) => void notes.push(entry.message),
      async lastEntry() {
        const message = notes.at(-1)
        return message === undefined ? undefined : { seq: notes.length, at: new Date(now), type: 'media', message }
      },
    },
    record: {
      bootProgress: async (_id: string, given: Progress): Promise<Job> => {
        progress.push(given)
        return booting
      },
    },
    clock: { now: () => new Date(now) },
    log: pino({ level: 'silent' }),
    imageOf: () => map,
  }
  const pass = (ms: number) => {
    now += ms
  }
  return { sensor: mediaSensor(deps), notes, progress, pass }
}

async function read(medium: Medium, start: number, end: number): Promise<void> {
  for await (const _ of medium.read(start, end, signal));
}

test('each region is noted once, and what was read at the insert says nothing about the boot', async () => {
  const { sensor, notes } = await watched()
  const maintenance = planMedium(plan)
  await read(sensor.watched(mounting, maintenance, 'maintenance'), 0, plan.size)
  await read(sensor.watched(mounting, task, 'task'), 0, task.size)
  expect(notes).toEqual(['the BMC reads the media'])
  expect(await sensor.summary(booting)).toMatch(/^the BMC copied the whole medium/)

  for (let times = 0; times < 3; times++) {
    await read(sensor.watched(booting, maintenance, 'maintenance'), 0, plan.size)
    await read(sensor.watched(booting, task, 'task'), 0, task.size)
  }
  expect(notes.slice(1)).toEqual([
    'volume header read',
    'root image is being read',
    'kernel is being read',
    'task medium is being read',
  ])
})

test('once the maintenance OS reports, its reads are no news', async () => {
  const { sensor, notes, progress } = await watched()
  const running = sampleJob({ status: 'provisioning', phase: 'running:partition' })
  await read(sensor.watched(running, planMedium(plan), 'maintenance'), 0, plan.size)
  expect([notes, progress]).toEqual([[], []])
})

test('the task behind the maintenance medium is known as the task', async () => {
  const { sensor, notes } = await watched()
  const size = plan.size + task.size
  const both: Medium = {
    size,
    etag: '""',
    read: async function* (start, end) {
      yield new Uint8Array(end - start)
    },
  }
  const medium = sensor.watched(booting, both, 'combined')
  await read(medium, plan.size + 32_768, plan.size + 34_816)
  expect(notes).toEqual([])
  await read(medium, 0, plan.size)
  await read(medium, plan.size + 32_768, plan.size + 34_816)
  expect(notes.at(-1)).toBe('task medium is being read')
})

test('thousands of small reads are written down every two seconds at most', async () => {
  const { sensor, notes, progress, pass } = await watched()
  const medium = sensor.watched(booting, planMedium(plan), 'maintenance')
  for (let at = 0; at < 3000 * 1024; at += 1024) {
    await read(medium, 64_000 + at, 65_024 + at)
    pass(10)
  }
  expect(notes.length).toBeLessThanOrEqual(3)
  // 30 seconds of reads.
  expect(progress.length).toBeLessThanOrEqual(18)
  expect(progress.at(-1)).toMatchObject({ step: 'boot', totalBytes: 3 * 1024 * 1024 })
  expect(progress.at(-1)?.message).toMatch(/^the server has read \d+ % of the root image, [0-9.]+ KiB\/s$/)
})

test('a boot that stops is noted once, and again after it went on', async () => {
  const { sensor, notes, pass } = await watched()
  const medium = sensor.watched(booting, planMedium(plan), 'maintenance')
  await read(medium, 32_768, 34_816)
  await sensor.check(booting)
  pass(61_000)
  await sensor.check(booting)
  await sensor.check(booting)
  expect(notes.slice(1)).toEqual([
    'the server read the volume header but never the boot record; nothing was read for 61 s',
  ])
  await read(medium, 32_768, 34_816)
  pass(61_000)
  await sensor.check(booting)
  expect(notes).toHaveLength(3)
  sensor.forget(booting)
  expect(await sensor.summary(booting)).toMatch(/^nothing was read since the controller was restarted; the last/)
})

test('a medium that was only looked at when it was inserted, and one that never was', async () => {
  const { sensor } = await watched()
  expect(await sensor.summary(booting)).toBe('the BMC never fetched the URL of the boot medium')
  await read(sensor.watched(mounting, planMedium(plan), 'maintenance'), 32_768, 34_816)
  expect(await sensor.summary(booting)).toMatch(
    /^the BMC fetched the medium when it was inserted, but the server has never/,
  )
})
