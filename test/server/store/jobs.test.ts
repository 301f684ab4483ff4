import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDatabase } from '../../../src/server/store/database.ts'
import { sqliteJobStore } from '../../../src/server/store/jobs.ts'
import { sampleJob } from '../support/sample-job.ts'

const NOW = new Date('2026-01-02T03:04:05Z')
const LATER = new Date('2026-01-02T03:05:05Z')
const QUEUED = { type: 'status', message: 'queued' }

function openStore() {
  return sqliteJobStore(openDatabase(':memory:'))
}

test('a job is read back as it was stored, with its history', async () => {
  const jobs = openStore()
  const progress = { step: 'image-linux', bytes: 1, totalBytes: 2, rate: 3, message: 'x', at: NOW }
  const job = sampleJob({ progress, deadline: LATER, phase: 'running:image-linux', idempotencyKey: 'k' })
  await jobs.create(job, QUEUED)
  expect(await jobs.find(job.id)).toEqual(job)
  expect(await jobs.byMediaToken(job.mediaToken)).toEqual(job)
  expect(await jobs.history(job.id, 0)).toEqual([{ seq: 1, at: job.createdAt, ...QUEUED }])
})

test('a server has at most one active job, and a complete one makes room', async () => {
  const jobs = openStore()
  const first = await jobs.create(sampleJob(), QUEUED)
  const second = sampleJob({ id: '01KB', mediaToken: 'other' })
  await expect(jobs.create(second, QUEUED)).rejects.toMatchObject({ code: 'job-active' })
  await jobs.save({ ...first, status: 'complete' }, [], NOW)
  await jobs.create(second, QUEUED)
})

test('the same idempotency key gives the first job', async () => {
  const jobs = openStore()
  const first = await jobs.create(sampleJob({ idempotencyKey: 'k' }), QUEUED)
  expect(await jobs.create(sampleJob({ id: '01KB', mediaToken: 'other', idempotencyKey: 'k' }), QUEUED)).toEqual(first)
})

test('of two saves of the same version the second is refused and leaves no entry', async () => {
  const jobs = openStore()
  const job = await jobs.create(sampleJob(), QUEUED)
  expect(await jobs.save({ ...job, phase: 'mounting' }, [{ type: 'phase', message: 'mounting' }], NOW)).toMatchObject({
    version: 2,
  })
  expect(await jobs.save({ ...job, phase: 'booting' }, [{ type: 'phase', message: 'booting' }], NOW)).toBeUndefined()
  expect((await jobs.history(job.id, 1)).map(({ message }) => message)).toEqual(['mounting'])
})

test('a lease is held by one worker until it ends', async () => {
  const jobs = openStore()
  const job = await jobs.create(sampleJob(), QUEUED)
  expect(await jobs.lease('a', NOW, LATER)).toMatchObject({ id: job.id })
  expect(await jobs.lease('b', NOW, LATER)).toBeUndefined()
  expect(await jobs.renew(job.id, 'b', LATER)).toBe(false)
  const afterwards = new Date(LATER.getTime() + 1)
  expect(await jobs.lease('b', afterwards, new Date(afterwards.getTime() + 1000))).toMatchObject({ id: job.id })
  expect(await jobs.renew(job.id, 'a', LATER)).toBe(false)
})

test('a complete job is leased to nobody', async () => {
  const jobs = openStore()
  await jobs.create(sampleJob({ status: 'complete' }), QUEUED)
  expect(await jobs.lease('a', NOW, LATER)).toBeUndefined()
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
