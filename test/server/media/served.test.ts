import { generateKeyPairSync } from 'node:crypto'
import { Hono } from 'hono'
import { pino } from 'pino'
import { beforeEach, expect, test } from 'vitest'
import { bytesSource } from '../../../src/isobuilder/source.ts'
import { mount } from '../../../src/server/http/mount.ts'
import type { Job } from '../../../src/server/jobs/machine.ts'
import type { JobStore } from '../../../src/server/jobs/ports.ts'
import { jobRecord } from '../../../src/server/jobs/record.ts'
import { imageMap, mediaSensor } from '../../../src/server/media/boot-watch.ts'
import { jobMedia } from '../../../src/server/media/job-media.ts'
import { planMedium } from '../../../src/server/media/medium.ts'
import { regionsOf, servedMedia } from '../../../src/server/media/served.ts'
import { MEDIA_ENDPOINTS, mediaHandlers } from '../../../src/server/routes/media.ts'
import { jobView } from '../../../src/server/routes/views.ts'
import { openDatabase } from '../../../src/server/store/database.ts'
import { sqliteJobStore } from '../../../src/server/store/jobs.ts'
import { sqliteServerStore } from '../../../src/server/store/servers.ts'
import { systemClock } from '../../../src/shared/time.ts'
import { planOf } from '../../isobuilder/image-bytes.ts'
import { NO_GATE } from '../support/no-gate.ts'
import { sampleJob } from '../support/sample-job.ts'
import { PLAIN_SEAL, SECRETS } from '../support/with-worker.ts'

const maintenance = planMedium(
  planOf([{ path: 'layers/root.erofs', source: bytesSource(Buffer.alloc(4 * 1024 * 1024, 'root')) }], 'MAINTENANCE'),
)
const { privateKey } = generateKeyPairSync('ed25519')
const clock = systemClock

let app: Hono
let jobs: JobStore
let saves: number
let medium: ReturnType<typeof servedMedia>

beforeEach(async () => {
  const db = openDatabase(':memory:')
  const store = sqliteJobStore(db)
  saves = 0
  jobs = {
    ...store,
    save: (job, entries, now) => {
      saves++
      return store.save(job, entries, now)
    },
  }
  const servers = sqliteServerStore(db, PLAIN_SEAL)
  const bmc = { url: 'http://127.0.0.1:1', username: 'u', password: 'p', verifyTls: false }
  await servers.add({ serial: 'SN1', uuid: null, bmc, vendor: null, network: null, createdAt: clock.now() })
  const ownUrls = { publicUrl: 'https://192.0.2.1', mediaUrl: 'http://192.0.2.2', caPem: null }
  const plans = jobMedia({ ownUrls, secrets: SECRETS, taskKey: privateKey })
  const record = jobRecord(jobs, clock, () => undefined)
  const regions = await regionsOf(maintenance, new AbortController().signal)
  const map = imageMap(maintenance.size, regions)
  const sensor = mediaSensor({ jobs, record, clock, log: pino({ level: 'silent' }), imageOf: () => map })
  const present = (job: Job) => ([null, maintenance.etag].includes(job.maintenance) ? maintenance : undefined)
  app = new Hono()
  medium = servedMedia({ maintenance: present, plans, servers, sensor })
  mount(app, MEDIA_ENDPOINTS, mediaHandlers({ jobs, medium }), NO_GATE)
})

async function create(phase: Job['phase']): Promise<Job> {
  return jobs.create(sampleJob({ status: 'provisioning', phase }), { type: 'status', message: 'queued' })
}

async function get(name: string, range?: string, method = 'GET'): Promise<Buffer> {
  const response = await app.request(`/media/token/${name}`, { method, headers: range === undefined ? {} : { range } })
  expect(response.status).toBe(range === undefined ? 200 : 206)
  return Buffer.from(await response.arrayBuffer())
}

async function media(id: string): Promise<string[]> {
  return (await jobs.history(id, 0)).filter(({ type }) => type === 'media').map(({ message }) => message)
}

test('a question for the size is no read; ranges are, many in one request too', async () => {
  const { id } = await create('booting')
  expect(await get('maintenance.iso', undefined, 'HEAD')).toHaveLength(0)
  expect(await media(id)).toEqual([])
  await get('maintenance.iso', 'bytes=32768-34815')
  await get('maintenance.iso', 'bytes=0-99,65536-2000000,3000000-3000001')
  expect(await media(id)).toEqual(['volume header read', 'root image is being read'])
  await get('task.img', 'bytes=32768-34815')
  expect(await media(id)).toContain('task medium is being read')
})

test('thousands of small ranges write to the database now and then, and what the job shows is how far it came', async () => {
  const { id } = await create('booting')
  const begun = performance.now()
  for (let at = 65_536; at < 65_536 + 2000 * 2048; at += 2048) {
    await get('maintenance.iso', `bytes=${at}-${at + 2047}`)
  }
  const seconds = Math.ceil((performance.now() - begun) / 1000)
  expect(saves).toBeLessThanOrEqual(3 + seconds / 2)
  const job = await jobs.find(id)
  const { phase, progress } = jobView(job ?? expect.fail())
  expect(phase).toBe('booting')
  expect(progress).toMatchObject({ step: 'boot', total_bytes: 4 * 1024 * 1024 })
  expect(progress?.message).toMatch(/^the server (has read \d+ % of the root image|read the volume header)/)
})

test('reads never make a job boot that is not', async () => {
  const { id } = await create('mounting')
  await get('maintenance.iso')
  expect(await media(id)).toEqual(['the BMC reads the media'])
  expect(await jobs.find(id)).toMatchObject({ phase: 'mounting', progress: null })
})

test('the combined medium is both media', async () => {
  await create('booting')
  const [combined, task] = [await get('combined.iso'), await get('task.iso')]
  expect(combined.subarray(-task.length).equals(task)).toBe(true)
  expect(combined.length).toBe(maintenance.size + task.length)
  expect((await get('combined.img', 'bytes=-2048')).equals(task.subarray(-2048))).toBe(true)
})

test('another maintenance image has no URL in jobs that began with the one before', async () => {
  const began = { status: 'provisioning', phase: 'booting', maintenance: '"sha256:before"' } as const
  const job = await jobs.create(sampleJob(began), { type: 'status', message: 'queued' })
  expect(await medium(job, 'maintenance.iso')).toBeUndefined()
  expect(await medium(job, 'combined.img')).toBeUndefined()
  expect(await medium(job, 'task.iso')).toBeDefined()
  const again = { ...job, maintenance: maintenance.etag }
  expect(await medium(again, 'maintenance.iso')).toBeDefined()
  expect(await medium(again, 'combined.img')).toBeDefined()
})

test('nor has another task medium, as another release or public URL makes it', async () => {
  const job = await create('booting')
  const task = await medium(job, 'task.iso')
  const began = { ...job, maintenance: maintenance.etag }
  expect(await medium({ ...began, task: task?.etag ?? '' }, 'task.iso')).toBeDefined()
  const other = { ...began, task: '"sha256:before"' }
  expect(await medium(other, 'task.iso')).toBeUndefined()
  expect(await medium(other, 'combined.iso')).toBeUndefined()
  expect(await medium(other, 'maintenance.iso')).toBeDefined()
})
