import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type NotifyDeps, notify } from '../../src/dispatcher/notify.ts'
import { runPaths } from '../../src/dispatcher/paths.ts'
import { dispatching } from './dispatching.ts'
import { JOB, RECIPE } from './task-medium.ts'

const here = dispatching()
const OTHER = { ...JOB, job_id: '01JCXSV4G0ABCDEFGHJKMNPQRT' }

function leave(name: string, content = '{}'): Promise<void> {
  return writeFile(join(here.at, 'run/state', name), content)
}

function failed(): Promise<void> {
  const { programs, networkDirectory, say, screen, clock } = here.deps
  const backoff = { firstMs: 1, maxMs: 1, attempts: 1 }
  const deps: NotifyDeps = {
    paths: runPaths(join(here.at, 'run')),
    programs,
    networkDirectory,
    say,
    screen,
    clock,
    backoff,
    monitorUnit: undefined,
    pause: async () => undefined,
  }
  return notify('failed', deps, new AbortController().signal)
}

test('a second task gets nothing of the first one: neither its texts, nor its outcome, nor the disk it has erased', async () => {
  await here.go()
  for (const name of ['final.json', 'final.sent', 'erased-disk.json', 'partition.json']) await leave(name)
  const { user_data: _, ...bare } = RECIPE
  expect(await here.go({ job: OTHER, recipe: JSON.stringify(bare) })).toBe(0)
  const names = await readdir(join(here.at, 'run'))
  expect(names.filter((name) => name.endsWith('-data'))).toEqual([])
  expect(await readdir(join(here.at, 'run/state'))).toEqual(['dispatcher.json'])
  expect(await here.run('earlier/0/erased-disk.json')).toBe('{}')
})

test('another attempt does not start in a boot whose steps are done: systemd would not run them again', async () => {
  const job = { ...JOB, attempt: 2 }
  await here.go()
  await leave('partition.done')
  here.ran = []
  expect(await here.go({ job })).toBe(16)
  expect(await here.go({ job })).toBe(16)
  expect(here.ran).toEqual([])
  expect(here.said.join('\n')).toContain('steps of another task are done in this boot. Restart the server')
  // Its failure is one of its own, to be reported.
  expect(await readdir(join(here.at, 'run/state'))).toEqual(['dispatcher.json'])
})

test('the same task may be dispatched again, on what it has left', async () => {
  await here.go()
  for (const name of ['partition.done', 'erased-disk.json']) await leave(name)
  expect(await here.go()).toBe(0)
  expect(await readdir(join(here.at, 'run/state'))).toContain('erased-disk.json')
})

test('where there is nobody to tell no outcome is claimed: the dispatcher may be restarted with a medium', async () => {
  expect(await here.look()).toBe(10)
  await failed()
  expect(await readdir(join(here.at, 'run/state'))).toEqual(['dispatcher.json'])
  expect(await here.go()).toBe(0)
  expect(await here.state()).toMatchObject({ status: 'handed-over' })
})

test('the receipt of an earlier delivery is not taken for one of this outcome', async () => {
  await here.go()
  await leave('final.sent', '2a1c 2026-01-02T03:04:05Z\n')
  // Nobody listens where the job reports to: it is tried, so it was not held for delivered.
  await expect(failed()).rejects.toMatchObject({ code: 'controller-unreachable' })
})
