import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openFiles } from '../../src/isobuilder/open-files.ts'
import { fileSourceOf } from '../../src/isobuilder/source.ts'
import { scratch } from '../support/scratch.ts'
import { openBelow } from './open-below.ts'

const never = new AbortController().signal

async function filesOf(count: number): Promise<{ directory: string; paths: string[] }> {
  const directory = scratch()
  const paths = Array.from({ length: count }, (_, index) => join(directory, `${index}`))
  for (const path of paths) await writeFile(path, path)
  return { directory, paths }
}

test('only so many files stay open, and none after the end', async () => {
  const { directory, paths } = await filesOf(20)
  const files = openFiles(4)
  const sources = await Promise.all(paths.map((path) => fileSourceOf(path, never, files)))
  const read = async () =>
    Promise.all(sources.map(async (source) => Buffer.from(await source.read(0, source.size)).toString()))
  expect(await read()).toEqual(paths)
  expect(await openBelow(directory)).toBeLessThanOrEqual(4)
  expect(await read()).toEqual(paths)
  await files.close()
  expect(await openBelow(directory)).toBe(0)
})

test('a file that is in use when all are closed is closed by its user', async () => {
  const { directory, paths } = await filesOf(1)
  const files = openFiles()
  const { promise, resolve } = Promise.withResolvers<void>()
  const using = files.use(paths[0] ?? '', () => promise)
  await files.close()
  resolve()
  await using
  expect(await openBelow(directory)).toBe(0)
})

test('a file that is replaced under its name still gives what was planned; one that is changed does not', async () => {
  const { directory, paths } = await filesOf(2)
  const files = openFiles()
  onTestFinished(() => files.close())
  const [first = '', second = ''] = paths
  const sources = await Promise.all(paths.map((path) => fileSourceOf(path, never, files)))
  for (const source of sources) await source.read(0, 1)
  await writeFile(join(directory, 'new'), first.replace(/.$/, 'x'))
  await rename(join(directory, 'new'), first)
  expect(Buffer.from((await sources[0]?.read(0, first.length)) ?? []).toString()).toBe(first)
  await writeFile(second, 'changed')
  await expect(sources[1]?.read(0, 1)).rejects.toMatchObject({ code: 'iso-plan' })
})

test('a file that is missing is told each time, and found when it is there', async () => {
  const { directory } = await filesOf(0)
  const files = openFiles()
  onTestFinished(() => files.close())
  const path = join(directory, 'later')
  const read = () => files.use(path, async (file) => (await file.readFile()).toString())
  await expect(read()).rejects.toMatchObject({ code: 'iso-plan' })
  await writeFile(path, 'here')
  expect(await read()).toBe('here')
})
