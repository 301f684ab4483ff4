import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { chmod, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { AppError } from '../../src/shared/errors.ts'
import { addonDirectories, loadAddonFrom } from '../../src/shared/native-addon.ts'
import { scratch } from '../support/scratch.ts'

const BYTES = Buffer.from('addon')

let good: string

beforeEach(() => {
  good = scratch()
})

test('the service directory comes first, then /run, temporary directories, and the present one', () => {
  const env = { RUNTIME_DIRECTORY: '/run/a:/run/b', TMPDIR: '/data/tmp' }
  expect(addonDirectories(env, '/elsewhere')).toEqual([
    '/run/a',
    '/run/b',
    '/run/provision',
    '/run',
    '/data/tmp',
    '/tmp',
    '/dev/shm',
    '/var/tmp',
    '/elsewhere',
  ])
})

test('unset, relative and repeated directories are left out', () => {
  const directories = addonDirectories({ TMPDIR: 'relative' }, '/tmp')
  expect(directories).toEqual(['/run/provision', '/run', '/tmp', '/dev/shm', '/var/tmp'])
})

test('the file is private while it is loaded and gone afterwards', () => {
  const loaded = loadAddonFrom([good], 'native/x.node', BYTES, (file) => {
    expect(readFileSync(file)).toEqual(BYTES)
    expect(statSync(dirname(file)).mode & 0o777).toBe(0o700)
    return { file }
  })
  expect(loaded['file']).toMatch(/\/[0-9a-f]{16}\.node$/)
  expect(readdirSync(good)).toEqual([])
})

test('the name follows from the content', () => {
  const open = (file: string) => ({ file: file.slice(file.lastIndexOf('/')) })
  const [first, same, other] = [BYTES, BYTES, Buffer.from('other')].map((bytes) =>
    loadAddonFrom([good], 'native/x.node', bytes, open),
  )
  expect(same).toEqual(first)
  expect(other).not.toEqual(first)
})

test('a directory that refuses is passed over, and nothing is left in it', async () => {
  const noexec = join(good, 'noexec')
  await mkdir(noexec)
  const loaded = loadAddonFrom([join(good, 'absent'), noexec, good], 'native/x.node', BYTES, (file) => {
    if (file.startsWith(noexec)) throw new Error('failed to map segment from shared object')
    return { file }
  })
  expect(loaded['file']).toContain(good)
  expect(readdirSync(good)).toEqual(['noexec'])
  expect(readdirSync(noexec)).toEqual([])
})

test('a directory where everybody may replace our file is not used', async () => {
  await chmod(good, 0o777)
  const error = failure(() => loadAddonFrom([good], 'native/x.node', BYTES, () => ({})))
  expect(error.problems[0]?.message).toContain('everybody')
  await chmod(good, 0o1777)
  expect(loadAddonFrom([good], 'native/x.node', BYTES, () => ({}))).toEqual({})
})

test('when all refuse, the error says of each why', () => {
  const absent = join(good, 'absent')
  const error = failure(() =>
    loadAddonFrom([absent, good], 'native/x.node', BYTES, () => {
      throw new Error('/x: failed to map segment from shared object')
    }),
  )
  expect(error).toMatchObject({ code: 'native-addon', message: expect.stringContaining('Set TMPDIR') })
  expect(error.problems.map(({ path }) => path)).toEqual([absent, good])
  expect(error.problems[0]?.message).toContain('ENOENT')
  expect(error.problems[1]?.message).toBe('mounted noexec')
  expect(existsSync(absent)).toBe(false)
})

function failure(action: () => unknown): AppError {
  try {
    action()
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
  throw new Error('it did not fail')
}
