import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeEach, expect, test } from 'vitest'
import { entriesOf } from '../../src/isobuilder/directory.ts'
import { sha256 } from '../../src/shared/digest.ts'
import { AppError } from '../../src/shared/errors.ts'
import { scratch } from '../support/scratch.ts'

const never = new AbortController().signal
let directory: string

beforeEach(() => {
  directory = scratch()
})

test('files, empty directories and links become entries; links are not followed', async () => {
  await mkdir(join(directory, 'd/empty'), { recursive: true })
  await writeFile(join(directory, 'd/f'), 'text')
  await symlink('/etc', join(directory, 'l'))
  const { entries } = await entriesOf(directory, never)
  const told = entries.map((entry) => ({ ...entry, ...('source' in entry ? { source: entry.source.digest } : {}) }))
  expect(told.sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
    { path: 'd', directory: true },
    { path: 'd/empty', directory: true },
    { path: 'd/f', source: sha256('text') },
    { path: 'l', symlink: '/etc' },
  ])
})

test('what an image cannot hold is told at once, with its paths', async () => {
  await promisify(execFile)('mkfifo', [join(directory, 'pipe')])
  await writeFile(Buffer.concat([Buffer.from(join(directory, 'bad-')), Buffer.of(0xff)]), '')
  await symlink(Buffer.from('caf\xe9', 'latin1'), join(directory, 'link'))
  const { problems } = await entriesOf(directory, never)
  expect(problems.map(({ path, code }) => [path, code]).sort()).toEqual([
    ['bad-\ufffd', 'path-character'],
    ['link', 'symlink-target'],
    ['pipe', 'file-kind'],
  ])
})

test('what cannot be read is told with its path, and the rest is looked at all the same', async () => {
  await mkdir(join(directory, 'd'))
  await writeFile(join(directory, 'z'), 'x')
  // It goes when it is about to be read: rights stop nobody who runs tests as root.
  let asked = 0
  const signal = Object.assign(new AbortController().signal, {
    throwIfAborted: () => ++asked === 2 && rmSync(join(directory, 'd'), { recursive: true }),
  })
  const { entries, problems } = await entriesOf(directory, signal)
  expect(problems).toMatchObject([{ path: 'd', code: 'file-unreadable', message: expect.stringMatching(/ENOENT/) }])
  expect(entries.map(({ path }) => path)).toEqual(['d', 'z'])
})

test('a stop ends the walk, and is no problem of the tree', async () => {
  await mkdir(join(directory, 'd'))
  const stop = new AbortController()
  let asked = 0
  const signal = Object.assign(stop.signal, {
    throwIfAborted() {
      if (++asked === 2) stop.abort(new AppError('job-failed', 'Cannot go on: stopped by SIGINT'))
      if (stop.signal.aborted) throw stop.signal.reason
    },
  })
  await expect(entriesOf(directory, signal)).rejects.toThrow('stopped by SIGINT')
})

test('a directory that is not there is said', async () => {
  await expect(entriesOf(join(directory, 'none'), never)).rejects.toMatchObject({ code: 'iso-plan' })
})
