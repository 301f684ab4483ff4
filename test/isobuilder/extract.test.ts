import { lstat, mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { extractIso, linksLeadingOut } from '../../src/isobuilder/extract.ts'
import type { IsoFile, IsoImage } from '../../src/isobuilder/reader.ts'
import { openIso } from '../../src/isobuilder/reader.ts'
import type { Entry } from '../../src/isobuilder/tree.ts'
import { scratch } from '../support/scratch.ts'
import { file, imageOf, mediumOf } from './image-bytes.ts'

const never = new AbortController().signal
let directory: string
let to: string

beforeEach(() => {
  directory = scratch()
  to = join(directory, 'to')
})

async function image(...entries: Entry[]): Promise<IsoImage> {
  return openIso(mediumOf(await imageOf(entries)))
}

test('files, directories and links are written; directories stay writable to their owner', async () => {
  const entries: Entry[] = [
    file('d/e/f', 'text'),
    { path: 'd/link', symlink: 'e/f' },
    { path: 'empty', directory: true },
  ]
  await extractIso(await image(...entries), to, never)
  expect((await readdir(to, { recursive: true })).sort()).toEqual(['d', 'd/e', 'd/e/f', 'd/link', 'empty'])
  expect(await readFile(join(to, 'd/link'), 'utf8')).toBe('text')
  expect(await readlink(join(to, 'd/link'))).toBe('e/f')
  expect((await lstat(join(to, 'd/e/f'))).mode & 0o777).toBe(0o444)
  expect((await lstat(join(to, 'd'))).mode & 0o700).toBe(0o700)
})

test.for<[string, Record<string, string>, string[]]>([
  ['an absolute link', { a: '/etc/passwd' }, ['a']],
  ['a link above the root', { 'd/a': '../../x' }, ['d/a']],
  ['a link that comes back in', { a: '../x/../to/b' }, ['a']],
  ['a link out by way of another', { 'd/e/up': '../..', 'd/e/out': 'up/..' }, ['d/e/out']],
  ['a link to an absolute link', { a: '/', b: 'a/etc' }, ['a', 'b']],
  ['links inside, dangling ones and loops', { a: 'b', b: 'a', c: 'd/../e', 'd/f': '../a/../x', g: '.' }, []],
])('%s', ([, links, out]) => {
  const files = Object.entries(links).map(
    ([path, target]): IsoFile => ({ path, kind: 'symlink', size: 0, mode: 0o777, target }),
  )
  expect(linksLeadingOut(files).map(({ path }) => path)).toEqual(out)
})

test('an image with a link that leads out is refused before anything is written', async () => {
  const bad = await image(file('a'), { path: 'l', symlink: '../outside' })
  await expect(extractIso(bad, to, never)).rejects.toMatchObject({ code: 'iso-read', problems: [{ path: 'l' }] })
  await expect(lstat(to)).rejects.toThrow('ENOENT')
})

test('a directory that has something in it is refused: it could be a link to elsewhere', async () => {
  await mkdir(to)
  await symlink('/etc', join(to, 'd'))
  await expect(extractIso(await image(file('d/passwd')), to, never)).rejects.toMatchObject({ code: 'iso-read' })
})

test('a place that cannot be written is said, not a bug', async () => {
  await writeFile(join(directory, 'file'), '')
  await expect(extractIso(await image(file('a')), join(directory, 'file/to'), never)).rejects.toMatchObject({
    code: 'iso-read',
    message: expect.stringContaining('Cannot extract the image into'),
  })
})
