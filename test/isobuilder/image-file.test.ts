import { readdir, readFile, readlink, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { createIso, withIso } from '../../src/isobuilder/image-file.ts'
import type { Source } from '../../src/isobuilder/source.ts'
import { AppError } from '../../src/shared/errors.ts'
import { scratch } from '../support/scratch.ts'
import { bytesOf, file, patternSource } from './image-bytes.ts'

const TEST = { label: 'TEST' }
const never = new AbortController().signal
let directory: string
let path: string

beforeEach(() => {
  directory = scratch()
  path = join(directory, 'a.iso')
})

test('the file is the image, and can be opened', async () => {
  const plan = await createIso([file('a', 'text')], { label: 'LABEL' }, path, never)
  expect((await readFile(path)).equals(await bytesOf(plan))).toBe(true)
  expect(await readdir(directory)).toEqual(['a.iso'])
  expect(await withIso(path, async (image) => image.label)).toBe('LABEL')
})

test('a source that fails leaves the image of before, and nothing else', async () => {
  await writeFile(path, 'before')
  const source: Source = {
    ...patternSource(1),
    read: () => Promise.reject(new AppError('iso-plan', 'Cannot read')),
  }
  await expect(createIso([{ path: 'a', source }], TEST, path, never)).rejects.toThrow('Cannot read')
  expect(await readFile(path, 'utf8')).toBe('before')
  expect(await readdir(directory)).toEqual(['a.iso'])
})

test('a stopped write leaves nothing', async () => {
  await expect(createIso([file('a')], TEST, path, AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped')
  expect(await readdir(directory)).toEqual([])
})

test('what killed writers have left of the same file goes after a day, and nothing else', async () => {
  const left = ['a.iso', 'a.iso', 'b.iso'].map((name, index) => `${name}.${`${index}`.repeat(12)}.partial`)
  for (const name of [...left, 'a.iso.old.partial']) await writeFile(join(directory, name), '')
  for (const name of [left[0], left[2], 'a.iso.old.partial']) await utimes(join(directory, name ?? ''), 1, 1)
  await createIso([file('a')], TEST, path, never)
  expect((await readdir(directory)).sort()).toEqual(['a.iso', left[1], 'a.iso.old.partial', left[2]])
})

test('what is no regular file is not replaced by one', async () => {
  await symlink('/dev/null', path)
  for (const output of [path, directory]) {
    await expect(createIso([file('a')], TEST, output, never)).rejects.toMatchObject({
      code: 'iso-plan',
      message: `Cannot write "${output}": it is there, and no regular file`,
    })
  }
  expect(await readlink(path)).toBe('/dev/null')
  expect(await readdir(directory)).toEqual(['a.iso'])
})

test('two who write one file at once leave the image of one of them', async () => {
  const plans = await Promise.all(['a', 'b'].map((name) => createIso([file(name)], TEST, path, never)))
  const written = await readFile(path)
  const images = await Promise.all(plans.map((plan) => bytesOf(plan)))
  expect(images.some((image) => image.equals(written))).toBe(true)
  expect(await readdir(directory)).toEqual(['a.iso'])
})

test('a truncated image is refused although its names could be read', async () => {
  const plan = await createIso([file('a', 'text')], TEST, path, never)
  await truncate(path, plan.size - 1)
  await expect(withIso(path, (image) => image.list())).rejects.toMatchObject({ code: 'iso-read' })
})

test('a file that is not there, and a directory that is not, are said', async () => {
  await expect(withIso(path, (image) => image.list())).rejects.toMatchObject({ code: 'iso-read' })
  await expect(createIso([], TEST, join(directory, 'none/a.iso'), never)).rejects.toMatchObject({ code: 'iso-plan' })
})
