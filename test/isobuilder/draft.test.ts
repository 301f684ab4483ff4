import { mkdir, readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { entriesOf } from '../../src/isobuilder/directory.ts'
import { unreadFile } from '../../src/isobuilder/draft.ts'
import { createIso } from '../../src/isobuilder/image-file.ts'
import { bytesSource } from '../../src/isobuilder/source.ts'
import type { Entry } from '../../src/isobuilder/tree.ts'
import { scratch } from '../support/scratch.ts'
import { bytesOf, planOf } from './image-bytes.ts'
import { lintBytes } from './lint/lint-image.ts'

const never = new AbortController().signal
const CONTENTS: Readonly<Record<string, Buffer>> = {
  empty: Buffer.alloc(0),
  'd/small': Buffer.from('small'),
  'd/odd': Buffer.alloc(5000, 'odd'),
  'd/large': Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => index * 31)),
  'd/other': Buffer.alloc(64 * 1024 + 1, 'other'),
}
let directory: string
let tree: string
let output: string

beforeEach(async () => {
  directory = scratch()
  tree = join(directory, 'tree')
  output = join(directory, 'out.iso')
  await mkdir(join(tree, 'd'), { recursive: true })
  for (const [path, bytes] of Object.entries(CONTENTS)) await writeFile(join(tree, path), bytes)
  await symlink('d/small', join(tree, 'link'))
})

test.for([
  ['are held from the first reading', 64 * 1024 * 1024],
  ['are read while the image is written', 0],
  ['are partly held', 64 * 1024 + 6],
] as const)('an image whose small files %s is the one that was planned with all contents known', async ([, held]) => {
  const contents = Object.entries(CONTENTS).map(([path, bytes]): Entry => ({ path, source: bytesSource(bytes) }))
  const known = planOf([...contents, { path: 'd', directory: true }, { path: 'link', symlink: 'd/small' }])
  const plan = await createIso((await entriesOf(tree, never, held)).entries, { label: 'TEST' }, output, never)
  const written = await readFile(output)
  expect(plan.etag).toBe(known.etag)
  expect(written.equals(await bytesOf(known))).toBe(true)
  expect(await lintBytes(written, { contents: true })).toEqual([])
  expect((await bytesOf(plan)).equals(written)).toBe(true)
})

test.for([
  ['d/large', 'another'],
  ['d/small', 'SMALL and longer'],
] as const)('%s, changed after the tree was looked at, leaves no image', async ([path, content]) => {
  const { entries } = await entriesOf(tree, never, 0)
  await writeFile(join(tree, 'new'), content)
  await rename(join(tree, 'new'), join(tree, path))
  await expect(createIso(entries, { label: 'TEST' }, output, never)).rejects.toMatchObject({ code: 'iso-plan' })
  expect(await readdir(directory)).toEqual(['tree'])
})

test('all problems of a tree are told before anything is written', async () => {
  const entries = [{ path: '../up', unread: unreadFile(join(tree, 'd/large')) }]
  const before = [{ path: 'pipe', code: 'file-kind', message: 'Cannot record "pipe"' }]
  const failure = await createIso(entries, { label: 'lower' }, output, never, before).catch((error: unknown) => error)
  expect(failure).toMatchObject({
    code: 'iso-plan',
    problems: [{ code: 'file-kind' }, { code: 'label' }, { code: 'path-component' }],
  })
  expect(await readdir(directory)).toEqual(['tree'])
})

test('a directory is nothing to read', () => {
  expect(() => unreadFile(tree)).toThrow('it is not a regular file')
})
