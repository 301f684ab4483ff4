import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { HISTORY_PAGE } from '../../../src/server/jobs/ports.ts'
import { holdDirectory, openDatabase } from '../../../src/server/store/database.ts'
import { MAX_LOG_BYTES, sqliteJobStore } from '../../../src/server/store/jobs.ts'
import { withServers } from '../support/add-server.ts'
import { sampleJob } from '../support/sample-job.ts'

const NOW = new Date('2026-01-02T03:04:05Z')
const LATER = new Date('2026-01-02T03:05:05Z')
const QUEUED = { type: 'status', message: 'queued' } as const

async function openStore() {
  return sqliteJobStore(
    await withServers(openDatabase(':memory:'), ...Array.from({ length: 10 }, (_, index) => `SN${index}`)),
  )
}

test('a job is read back as it was stored, with its history', async () => {
  const jobs = await openStore()
  const progress = { step: 'image-linux', bytes: 1, totalBytes: 2, rate: 3, message: 'x', at: NOW }
  const job = sampleJob({ progress, deadline: LATER, phase: 'running:image-linux', idempotencyKey: 'k' })
  await jobs.create(job, QUEUED)
  expect(await jobs.find(job.id)).toEqual(job)
  expect(await jobs.byMediaToken(job.mediaToken)).toEqual(job)
  expect(await jobs.history(job.id, 0)).toEqual([{ seq: 1, at: job.createdAt, ...QUEUED }])
})

test('a server has at most one active job, and a complete one makes room', async () => {
  const jobs = await openStore()
  const first = await jobs.create(sampleJob(), QUEUED)
  const second = sampleJob({ id: '01KB', mediaToken: 'other' })
  await expect(jobs.create(second, QUEUED)).rejects.toMatchObject({ code: 'job-active' })
  await jobs.save({ ...first, status: 'complete' }, [], NOW)
  await jobs.create(second, QUEUED)
})

test('a job of a server that was removed since it was checked is not stored', async () => {
  const db = await withServers(openDatabase(':memory:'), 'SN1')
  db.prepare('DELETE FROM servers').run()
  const jobs = sqliteJobStore(db)
  await expect(jobs.create(sampleJob(), QUEUED)).rejects.toMatchObject({ code: 'server-not-found' })
  expect(await jobs.find(sampleJob().id)).toBeUndefined()
})

test('the same idempotency key gives the first job', async () => {
  const jobs = await openStore()
  const first = await jobs.create(sampleJob({ idempotencyKey: 'k' }), QUEUED)
  expect(await jobs.create(sampleJob({ id: '01KB', mediaToken: 'other', idempotencyKey: 'k' }), QUEUED)).toEqual(first)
})

test('of two saves of the same version the second is refused and leaves no entry', async () => {
  const jobs = await openStore()
  const job = await jobs.create(sampleJob(), QUEUED)
  expect(await jobs.save({ ...job, phase: 'mounting' }, [{ type: 'phase', message: 'mounting' }], NOW)).toMatchObject({
    version: 2,
  })
  expect(await jobs.save({ ...job, phase: 'booting' }, [{ type: 'phase', message: 'booting' }], NOW)).toBeUndefined()
  expect((await jobs.history(job.id, 1)).map(({ message }) => message)).toEqual(['mounting'])
})

test('a job is held by one worker, until that is buried; a worker that still beats is not', async () => {
  const jobs = await openStore()
  const job = await jobs.create(sampleJob(), QUEUED)
  for (const worker of ['a', 'b']) await jobs.enlist(worker)
  expect(await jobs.lease('a', 1)).toMatchObject([{ id: job.id }])
  expect(await jobs.lease('b', 1)).toEqual([])
  expect(await jobs.beat('a')).toBe(true)
  expect(await jobs.bury('a', 0)).toBe(false)
  expect(await jobs.workers()).toContainEqual({ name: 'a', beat: 1 })
  expect(await jobs.bury('a', 1)).toBe(true)
  expect(await jobs.beat('a')).toBe(false)
  expect(await jobs.lease('a', 1)).toEqual([])
  expect(await jobs.lease('b', 1)).toMatchObject([{ id: job.id }])
  // Whoever was buried changes nothing any more.
  expect(await jobs.save({ ...job, phase: 'mounting' }, [], NOW, 'a')).toBeUndefined()
  expect(await jobs.save({ ...job, phase: 'mounting' }, [], NOW, 'b')).toMatchObject({ version: 2 })
})

test('a worker that begins again holds nothing of before; complete jobs are held by nobody', async () => {
  const jobs = await openStore()
  await jobs.create(sampleJob({ status: 'complete' }), QUEUED)
  const job = await jobs.create(sampleJob({ id: '01KB', mediaToken: 'other' }), QUEUED)
  await jobs.enlist('a')
  expect(await jobs.lease('a', 5)).toMatchObject([{ id: job.id }])
  expect(await jobs.lease('a', 5)).toEqual([])
  await jobs.enlist('a')
  expect(await jobs.lease('a', 5)).toMatchObject([{ id: job.id }])
})

test('what has begun is handed out before what has not, and of that no more than asked for', async () => {
  const jobs = await openStore()
  await jobs.enlist('a')
  for (const [index, status] of (['queued', 'queued', 'provisioning', 'failed'] as const).entries()) {
    const serverSerial = `SN${index}`
    await jobs.create(sampleJob({ id: `J${index}`, mediaToken: serverSerial, serverSerial, status }), QUEUED)
  }
  expect((await jobs.lease('a', 1)).map(({ id }) => id).toSorted()).toEqual(['J0', 'J2', 'J3'])
  expect(await jobs.ended('a')).toEqual(['J3'])
})

test('a queue that is full takes no more, and still knows what it has taken', async () => {
  const jobs = await openStore()
  const first = await jobs.create(sampleJob({ idempotencyKey: 'k' }), QUEUED, 1)
  const second = sampleJob({ id: '01KB', mediaToken: 'other', serverSerial: 'SN2' })
  await expect(jobs.create(second, QUEUED, 1)).rejects.toMatchObject({ code: 'queue-full', retryAfterSeconds: 30 })
  expect(await jobs.create({ ...second, idempotencyKey: 'k' }, QUEUED, 1)).toEqual(first)
  await jobs.save({ ...first, status: 'provisioning' }, [], NOW)
  await jobs.create(second, QUEUED, 1)
})

test('a newer database is refused rather than read', () => {
  const directory = mkdtempSync(join(tmpdir(), 'provisioner-db-'))
  const path = join(directory, 'controller.db')
  const file = openDatabase(path)
  file.exec('PRAGMA user_version = 99')
  file.close()
  expect(() => openDatabase(path)).toThrow(/a newer provisioner wrote it/)
  rmSync(directory, { recursive: true })
})

test('logs of all jobs have an end: by their age, and by their size together, the oldest first', async () => {
  const db = await withServers(openDatabase(':memory:'), 'SN1', 'SN2')
  const limits = { maxBytes: 30, maxAgeMs: 60_000, pruneEvery: 2 }
  const jobs = sqliteJobStore(db, undefined, undefined, limits)
  const first = await jobs.create(sampleJob(), QUEUED)
  const second = await jobs.create(sampleJob({ id: '01KB', serverSerial: 'SN2', mediaToken: 'other' }), QUEUED)
  const kept = async () => [...(await jobs.logs(first.id)), ...(await jobs.logs(second.id))].map(({ text }) => text[0])
  await jobs.addLog(first.id, 'a'.repeat(10), NOW)
  await jobs.addLog(second.id, 'b'.repeat(10), NOW)
  await jobs.addLog(first.id, 'c'.repeat(10), LATER)
  await jobs.addLog(second.id, 'd'.repeat(10), LATER)
  expect(await kept()).toEqual(['a', 'c', 'b', 'd'])
  await jobs.addLog(first.id, 'e'.repeat(15), LATER)
  expect(await kept()).toEqual(['e', 'd'])
  const muchLater = new Date(LATER.getTime() + 60_001)
  for (const letter of 'fg') await jobs.addLog(second.id, letter, muchLater)
  expect(await kept()).toEqual(['f', 'g'])
})

test('of logs without end the newest are kept', async () => {
  const jobs = await openStore()
  const job = await jobs.create(sampleJob(), QUEUED)
  const post = (letter: string) => jobs.addLog(job.id, letter.repeat(MAX_LOG_BYTES / 4), NOW)
  for (const letter of ['a', 'b', 'c', 'd', 'e', 'f']) await post(letter)
  expect((await jobs.logs(job.id)).map(({ text }) => text[0])).toEqual(['c', 'd', 'e', 'f'])
})

test('phases without end do not keep the end of a job out of its history', async () => {
  const jobs = await openStore()
  let job = await jobs.create(sampleJob(), QUEUED)
  const phases = Array.from({ length: 600 }, (_, index) => ({ type: 'phase' as const, message: `running:${index}` }))
  job = (await jobs.save(job, phases, NOW)) ?? job
  await jobs.save(job, [{ type: 'status', message: 'complete' }], NOW)
  await jobs.note(job.id, { type: 'note', message: 'after' }, NOW)
  const history = await jobs.history(job.id, 0)
  expect(history.length).toBeLessThan(600)
  expect(history.slice(-2).map(({ message }) => message)).toEqual(['complete', 'after'])
})

test('what the controller looks for is found at the end of the longest history', async () => {
  const jobs = await openStore()
  const job = await jobs.create(sampleJob(), QUEUED)
  await jobs.note(job.id, { type: 'start', message: 'first' }, NOW)
  const notes = Array.from({ length: HISTORY_PAGE }, (_, index) => ({ type: 'note' as const, message: `${index}` }))
  await jobs.save(job, [...notes, { type: 'start', message: 'second' }], LATER)
  expect(await jobs.lastEntry(job.id, 'start')).toMatchObject({ message: 'second', at: LATER })
  expect(await jobs.lastEntry(job.id, 'hand-over')).toBeUndefined()
  for (let times = 0; times < 2; times++) await jobs.noteOnce(job.id, { type: 'note', message: 'late' }, NOW)
  const [rest, none] = [await jobs.history(job.id, HISTORY_PAGE), await jobs.history(job.id, HISTORY_PAGE + 4)]
  expect([rest.map(({ message }) => message), none]).toEqual([['998', '999', 'second', 'late'], []])
})

test('what is in the database is for its owner alone, in a directory that others may read, too', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'provisioner-db-'))
  chmodSync(directory, 0o755)
  const path = join(directory, 'controller.db')
  writeFileSync(path, '', { mode: 0o644 })
  const db = openDatabase(path)
  await sqliteJobStore(await withServers(db, 'SN1')).create(sampleJob(), QUEUED)
  const modes = readdirSync(directory).map((name) => statSync(join(directory, name)).mode & 0o777)
  expect(modes.length).toBeGreaterThan(1)
  expect(new Set(modes)).toEqual(new Set([0o600]))
  db.close()
  rmSync(directory, { recursive: true })
})

test('a data directory is held once, and free again afterwards', () => {
  const directory = mkdtempSync(join(tmpdir(), 'provisioner-db-'))
  const path = join(directory, 'lock')
  const held = holdDirectory(path)
  expect(() => holdDirectory(path)).toThrow('another provisioner is running on this data directory')
  held.close()
  holdDirectory(path).close()
  rmSync(directory, { recursive: true })
})
