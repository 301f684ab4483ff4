import { statSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { beforeEach, expect, test } from 'vitest'
import { openChangingDatabase } from '../../../src/server/store/changing-database.ts'
import { groupCommits } from '../../../src/server/store/commits.ts'
import { openDatabase } from '../../../src/server/store/database.ts'
import { scratch } from '../../support/scratch.ts'

let directory = ''
let path = ''

beforeEach(() => {
  directory = scratch()
  path = join(directory, 'x.db')
})

test('many changes share a flush, each is told after one that began later, and others can read them', async () => {
  const db = openDatabase(path)
  let flushes = 0
  const commits = groupCommits(db, path, { onFlushed: () => flushes++, onBroken: expect.unreachable })
  const insert = db.prepare('INSERT INTO workers VALUES (?, ?)')
  const first = commits.write(() => insert.run('first', 0))
  expect(flushes).toBe(0)
  await first
  expect(flushes).toBe(1)
  const writes = Array.from({ length: 100 }, (_, index) => commits.write(() => insert.run(`w${index}`, index).changes))
  expect(await Promise.all(writes)).toEqual(Array.from({ length: 100 }, () => 1))
  expect(flushes).toBeLessThanOrEqual(3)
  const other = openDatabase(path)
  expect(other.prepare('SELECT COUNT(*) AS n FROM workers').get()).toEqual({ n: 101 })
  other.close()
  await commits.close()
  db.close()
})

test('a change that fails is its own: those beside it are stored', async () => {
  const db = openDatabase(path)
  const commits = groupCommits(db, path, { onFlushed: () => undefined, onBroken: expect.unreachable })
  const insert = db.prepare('INSERT INTO workers VALUES (?, 0)')
  const results = await Promise.allSettled(['a', 'a', 'b'].map((name) => commits.write(() => insert.run(name))))
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  await commits.close()
  db.close()
})

test('after a flush that failed nothing is said to be stored any more', async () => {
  const db = openDatabase(path)
  const causes: unknown[] = []
  const onBroken = (cause: unknown) => causes.push(cause)
  const commits = groupCommits(db, join(directory, 'elsewhere'), { onFlushed: expect.unreachable, onBroken })
  const insert = db.prepare('INSERT INTO workers VALUES (?, 0)')
  for (const name of ['a', 'b']) {
    await expect(commits.write(() => insert.run(name))).rejects.toThrow('an earlier flush failed')
  }
  await expect(commits.flushed()).rejects.toThrow('an earlier flush failed')
  expect(causes).toMatchObject([{ code: 'ENOENT' }])
  await commits.close()
  db.close()
})

test('the log is copied into the database while it is open', async () => {
  const changing = openChangingDatabase(path, pino({ level: 'silent' }))
  const before = statSync(path).size
  const insert = changing.db.prepare('INSERT INTO workers VALUES (?, 0)')
  let index = 0
  const grow = async () => {
    const write = () => changing.commits.write(() => insert.run(`${index++}`.padEnd(4000, 'x')))
    await Promise.all(Array.from({ length: 20 }, write))
    return statSync(path).size
  }
  await expect.poll(grow, { interval: 100 }).toBeGreaterThan(before)
  await changing.close()
})
