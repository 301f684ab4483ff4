import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { beforeEach, expect, test } from 'vitest'
import { fileMedium } from '../../src/server/media/medium.ts'
import type { ReadinessCheck } from '../../src/server/readiness.ts'
import { databaseCheck, maintenanceCheck, readiness, storageCheck, workerCheck } from '../../src/server/readiness.ts'
import { directCommits, groupCommits } from '../../src/server/store/commits.ts'
import { openDatabase } from '../../src/server/store/database.ts'
import { scratch } from '../support/scratch.ts'

let directory = ''

beforeEach(() => {
  directory = scratch()
})

const never = new AbortController().signal

test('every reason is told at once, by its name', async () => {
  const bad = (name: string): ReadinessCheck => ({ name, look: () => Promise.reject(new Error(`no ${name}`)) })
  const ready = readiness([bad('a'), { name: 'b', look: () => undefined }, bad('c')])
  await expect(ready()).rejects.toMatchObject({
    code: 'not-ready',
    problems: [
      { path: '/a', message: 'no a' },
      { path: '/c', message: 'no c' },
    ],
  })
})

test('asking often looks once', async () => {
  let looks = 0
  const ready = readiness([{ name: 'a', look: () => void looks++ }])
  await Promise.all(Array.from({ length: 100 }, ready))
  expect(looks).toBe(1)
})

test('a database that takes no write is not ready, although it answers', async () => {
  const path = join(directory, 'x.db')
  const db = openDatabase(path)
  const check = databaseCheck({ db, commits: directCommits(db) })
  await check.look(never)
  db.exec('PRAGMA query_only = ON')
  await expect(check.look(never)).rejects.toThrow('readonly')
  db.exec('PRAGMA query_only = OFF')
  const other = new DatabaseSync(path)
  other.exec('BEGIN IMMEDIATE')
  db.exec('PRAGMA busy_timeout = 1')
  await expect(check.look(never)).rejects.toThrow('locked')
  other.close()
  await check.look(never)
  db.close()
})

test('a database whose log was not flushed once is not ready any more, although it takes a write', async () => {
  const db = openDatabase(join(directory, 'x.db'))
  const listener = { onFlushed: () => undefined, onBroken: () => undefined }
  const commits = groupCommits(db, join(directory, 'elsewhere'), listener)
  const ready = readiness([databaseCheck({ db, commits })])
  await expect(ready()).rejects.toMatchObject({ code: 'not-ready', problems: [{ path: '/database' }] })
  await commits.close()
  db.close()
})

test('too little space is said with both numbers', async () => {
  await storageCheck(directory, 0).look(never)
  await expect(storageCheck(directory, Number.MAX_SAFE_INTEGER).look(never)).rejects.toThrow(/are free, .* are needed/)
  await expect(storageCheck(join(directory, 'gone'), 0).look(never)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('a maintenance image that was written to is not ready', async () => {
  const path = join(directory, 'maintenance.iso')
  writeFileSync(path, Buffer.alloc(4096))
  const medium = await fileMedium(path, never)
  await maintenanceCheck(() => medium, 'none').look(never)
  writeFileSync(path, Buffer.alloc(4097))
  await expect(maintenanceCheck(() => medium, 'none').look(never)).rejects.toThrow('it changed')
  await expect(maintenanceCheck(() => undefined, 'none is configured').look(never)).rejects.toThrow(
    'none is configured',
  )
})

test('a loop that does not turn is not ready', async () => {
  const worker = workerCheck(-1)
  expect(() => worker.check.look(never)).toThrow('no turn of its loop')
  const patient = workerCheck(60_000)
  patient.turned()
  await patient.check.look(never)
})
