import { rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { bytesSource, fileSource, fileSourceOf } from '../../src/isobuilder/source.ts'
import { sha256 } from '../../src/shared/digest.ts'
import { scratch } from '../support/scratch.ts'

const never = new AbortController().signal
let directory: string
let path: string

beforeEach(async () => {
  directory = scratch()
  path = join(directory, 'blob')
  await writeFile(path, 'hello world')
})

test('bytes are read whole and in part', async () => {
  const source = bytesSource(Buffer.from('hello'))
  expect(source).toMatchObject({ size: 5, digest: sha256('hello') })
  expect(Buffer.from(await source.read(1, 3)).toString()).toBe('ell')
  await expect(source.read(3, 3)).rejects.toThrow(RangeError)
})

test('a file is measured, hashed and read in part', async () => {
  const source = await fileSourceOf(path, never)
  expect(source).toMatchObject({ size: 11, digest: sha256('hello world') })
  expect(Buffer.from(await source.read(6, 5)).toString()).toBe('world')
  await expect(source.read(6, 6)).rejects.toThrow(RangeError)
})

test('a file that became shorter, longer or another throws instead of padding', async () => {
  const source = await fileSourceOf(path, never)
  await truncate(path, 5)
  await expect(source.read(0, 11)).rejects.toMatchObject({ code: 'iso-plan' })
  await writeFile(path, 'hello worlds')
  await expect(source.read(0, 11)).rejects.toMatchObject({ code: 'iso-plan' })
  await writeFile(join(directory, 'other'), 'HELLO WORLD')
  await rename(join(directory, 'other'), path)
  await expect(source.read(0, 11)).rejects.toMatchObject({ code: 'iso-plan' })
  await rm(path)
  await expect(source.read(0, 11)).rejects.toMatchObject({ code: 'iso-plan' })
})

test('a blob whose size is not the one promised throws at once', async () => {
  await expect(fileSource(path, 12, sha256('x')).read(0, 1)).rejects.toMatchObject({ code: 'iso-plan' })
})

test('a blob that is replaced between two reads throws', async () => {
  const source = fileSource(path, 11, sha256('hello world'))
  expect(Buffer.from(await source.read(0, 5)).toString()).toBe('hello')
  await writeFile(join(directory, 'other'), 'HELLO WORLD')
  await rename(join(directory, 'other'), path)
  await expect(source.read(0, 5)).rejects.toMatchObject({ code: 'iso-plan' })
})

test('a directory is no source, and an aborted signal stops a read', async () => {
  await expect(fileSourceOf(directory, never)).rejects.toMatchObject({ code: 'iso-plan' })
  const stopped = AbortSignal.abort(new Error('stopped'))
  await expect(fileSourceOf(path, stopped)).rejects.toThrow('stopped')
  await expect(fileSource(path, 11, sha256('x')).read(0, 1, stopped)).rejects.toThrow('stopped')
})

test('a small file of a tree is as strict as a large one: changed, shorter or gone, it is refused', async () => {
  await writeFile(path, 'small content')
  const source = await fileSourceOf(path, never)
  expect(Buffer.from(await source.read(6, 7)).toString()).toBe('content')
  await expect(source.read(6, 8)).rejects.toThrow(RangeError)
  await writeFile(path, 'other content')
  await expect(source.read(0, 1)).rejects.toMatchObject({ code: 'iso-plan' })
  await rm(path)
  await expect(source.read(0, 1)).rejects.toMatchObject({ code: 'iso-plan' })
})
