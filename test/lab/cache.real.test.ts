import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { cached, contentKey, labCacheDirectory, labScratch, type Recipe } from './cache.ts'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cache-'))
})

afterEach(() => rm(directory, { recursive: true, force: true }))

test.for([
  [{ PROVISIONER_LAB_CACHE: '/lab', XDG_CACHE_HOME: '/xdg' }, '/lab'],
  [{ XDG_CACHE_HOME: '/xdg' }, '/xdg/provisioner-lab'],
] as const)('%j puts the cache at %s', ([env, expected]) => {
  expect(labCacheDirectory(env)).toBe(expected)
})

test('a run gets room of its own on a machine that never had a cache', async () => {
  const cache = join(directory, 'not', 'there', 'yet')
  const rooms = [await labScratch('demo', cache), await labScratch('demo', cache)]
  expect(new Set(rooms).size).toBe(2)
  expect((await readdir(cache)).length).toBe(2)
})

test('two callers at once build once, and get the same path', async () => {
  let builds = 0
  const recipe: Recipe = {
    name: 'thing',
    ending: '.txt',
    ingredients: ['a'],
    build: async (partial) => {
      builds += 1
      await writeFile(partial, 'made')
    },
  }
  const [one, two] = await Promise.all([cached(recipe, directory), cached(recipe, directory)])
  expect([one, builds]).toEqual([two, 1])
  expect(await readFile(one, 'utf8')).toBe('made')
})

test('a build that fails leaves nothing behind and is tried again', async () => {
  const failing = recipeOf('a', () => Promise.reject(new Error('no mirror')))
  await expect(cached(failing, directory)).rejects.toThrow('no mirror')
  await cached(recipeOf('a'), directory)
  expect(await things()).toHaveLength(1)
})

test('other ingredients give another path, and the oldest go when they have not been used for long', async () => {
  const paths: string[] = []
  for (const ingredient of ['a', 'b', 'c']) paths.push(await cached(recipeOf(ingredient), directory))
  expect([new Set(paths).size, (await things()).length]).toEqual([3, 3])
  const yesterday = new Date(Date.now() - 86_400_000)
  for (const path of paths) await utimes(path, yesterday, yesterday)
  paths.push(await cached(recipeOf('d'), directory))
  expect((await things()).length).toBe(2)
  expect(await things()).toContain(paths.at(-1)?.slice(directory.length + 1))
})

test('what a killed build left is removed by the next', async () => {
  await writeFile(join(directory, 'thing-0123456789abcdef.partial.work'), '')
  const path = await cached(recipeOf('a'), directory)
  expect(await things()).toEqual([path.slice(directory.length + 1)])
})

test('ingredients cannot run into each other', async () => {
  const paths = await Promise.all(
    [
      ['ab', 'c'],
      ['a', 'bc'],
    ].map((ingredients) => cached({ ...recipeOf(''), ingredients }, directory)),
  )
  expect(paths[0]).not.toBe(paths[1])
})

test('the key of a tree changes with a content, a name and an executable bit', async () => {
  const tree = join(directory, 'tree')
  const keys = new Set<string>()
  for (const [name, text, mode] of [
    ['a', 'x', 0o644],
    ['a', 'y', 0o644],
    ['b', 'x', 0o644],
    ['b', 'x', 0o755],
  ] as const) {
    await rm(tree, { recursive: true, force: true })
    await mkdir(tree)
    await writeFile(join(tree, name), text, { mode })
    keys.add(await contentKey(tree))
  }
  expect(keys.size).toBe(4)
})

function recipeOf(ingredient: string, build = (partial: string) => writeFile(partial, ingredient)): Recipe {
  return { name: 'thing', ingredients: [ingredient], build }
}

async function things(): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.startsWith('thing-'))
}
