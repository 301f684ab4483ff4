import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createIso } from '../../src/isobuilder/image-file.ts'
import type { Entry } from '../../src/isobuilder/tree.ts'
import { mustInTools } from '../lab/programs.ts'
import { file } from './image-bytes.ts'

/** What every reader must show, 7z too, which takes the names of Joliet. */
const TREE: readonly Entry[] = [
  file('recipe.json', '{"task_target":"install-linux.target"}\n'),
  file('recipe.schema.json', 'x'.repeat(5000)),
  file('user-data', '#cloud-config\n'),
  file('ks.cfg', 'install\n'),
  file('empty', ''),
  file('sectors', 'y'.repeat(4096)),
  file('UPPER lower ünï 日本.txt'),
  file(`${'d/'.repeat(9)}deep`),
  ...Array.from({ length: 300 }, (_, index) => file(`many/a file with a long name, number ${index}.text`)),
  { path: 'nothing', directory: true },
]

/** What only Rock Ridge can say. */
const ROCK_RIDGE: readonly Entry[] = [
  { path: 'links/near', symlink: '../recipe.json' },
  { path: 'links/absolute', symlink: '/usr/lib/os-release' },
  { path: 'links/long', symlink: `${'component/'.repeat(90)}end` },
  { path: 'links/up', symlink: `${'../'.repeat(300)}end` },
  { path: 'links/parts', symlink: `a/${'c'.repeat(255)}/${'d'.repeat(245)}/b` },
  file(`names/${'n'.repeat(150)}`),
  file(`names/${'n'.repeat(253)}`),
  file('names/MIXED'),
  file('names/mixed'),
]

let directory: string
let binds: { host: string; inside: string }[]

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'readers-'))
  binds = [{ host: directory, inside: '/media' }]
  const never = new AbortController().signal
  await createIso([...TREE, ...ROCK_RIDGE], { label: 'TASK_READERS' }, join(directory, 'a.iso'), never)
})

afterAll(() => rm(directory, { recursive: true, force: true }))

/** path → content, link target or nothing, of a directory on this machine. */
async function contentsOf(root: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const path of await readdir(root, { recursive: true })) {
    const stat = await lstat(join(root, path))
    if (stat.isSymbolicLink()) found[path] = `-> ${await readlink(join(root, path))}`
    else found[path] = stat.isDirectory() ? '/' : await readFile(join(root, path), 'utf8')
  }
  return found
}

/** The same of entries, with the directories above. */
async function expected(...entries: Entry[]): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const entry of entries) {
    const names = entry.path.split('/')
    for (let count = 1; count < names.length; count++) found[names.slice(0, count).join('/')] = '/'
    if ('symlink' in entry) found[entry.path] = `-> ${entry.symlink}`
    else if ('directory' in entry) found[entry.path] = '/'
    else found[entry.path] = Buffer.from(await entry.source.read(0, entry.source.size)).toString()
  }
  return found
}

async function extracted(name: string, argv: readonly string[]): Promise<Record<string, string>> {
  await mkdir(join(directory, name))
  await mustInTools(argv, { binds, cwd: '/media' })
  return contentsOf(join(directory, name))
}

test('bsdtar finds every file, directory and link, with its content', async () => {
  expect(await extracted('bsdtar', ['bsdtar', '-xf', 'a.iso', '-C', 'bsdtar'])).toEqual(
    await expected(...TREE, ...ROCK_RIDGE),
  )
})

test('xorriso finds every file, directory and link, with its content', async () => {
  const argv = ['xorriso', '-osirrox', 'on', '-indev', 'a.iso', '-extract', '/', 'xorriso']
  expect(await extracted('xorriso', argv)).toEqual(await expected(...TREE, ...ROCK_RIDGE))
})

test('7z finds every file under its Joliet name, with its content', async () => {
  const found = await extracted('7z', ['7z', 'x', '-y', '-o7z', 'a.iso'])
  expect(found).toMatchObject(await expected(...TREE))
  // Two names cut to the same 64 characters, two names apart in case only; no links.
  const others = Object.keys(found).filter((path) => /^(?:links|names)/.test(path))
  expect(others.sort()).toEqual([
    ...['links', 'names', 'names/MIXED', 'names/mixed'],
    `names/${'n'.repeat(62)}_1`,
    `names/${'n'.repeat(64)}`,
  ])
})

test('isoinfo lists the same names under Rock Ridge, and the contents', async () => {
  const listed = await mustInTools(['isoinfo', '-R', '-f', '-i', 'a.iso'], { binds, cwd: '/media' })
  const all = await expected(...TREE, ...ROCK_RIDGE)
  expect(listed.trim().split('\n').sort()).toEqual(
    Object.keys(all)
      .map((path) => `/${path}`)
      .sort(),
  )
  for (const path of ['recipe.json', 'recipe.schema.json', `${'d/'.repeat(9)}deep`]) {
    const argv = ['isoinfo', '-R', '-i', 'a.iso', '-x', `/${path}`]
    expect(await mustInTools(argv, { binds, cwd: '/media' })).toBe(all[path])
  }
})

test('isoinfo finds d-character names in the primary tree, as the ESXi installer does', async () => {
  const listed = await mustInTools(['isoinfo', '-f', '-i', 'a.iso'], { binds, cwd: '/media' })
  const names = listed.trim().split('\n')
  expect(names).toEqual(
    expect.arrayContaining(['/KS.CFG;1', '/RECIPE.JSON;1', '/RECIPE_SCHEMA.JSON;1', '/USER_DATA.;1']),
  )
  const argv = ['isoinfo', '-i', 'a.iso', '-x', '/KS.CFG;1']
  expect(await mustInTools(argv, { binds, cwd: '/media' })).toBe('install\n')
})

test('isovfy, which checks both trees and the path tables, has nothing to say', async () => {
  const said = await mustInTools(['isovfy', 'a.iso'], { binds, cwd: '/media' })
  expect(said).toMatch(/^No errors found$/m)
})

test('blkid sees the label, as udev does', async () => {
  const said = await mustInTools(['blkid', '-p', '-o', 'export', 'a.iso'], { binds, cwd: '/media' })
  expect(said).toMatch(/^LABEL=TASK_READERS$/m)
  expect(said).toMatch(/^TYPE=iso9660$/m)
})

test('65,535 directories, as many as can be numbered, are planned, and bsdtar finds each', async () => {
  const directories = Array.from({ length: 65_534 }, (_, index): Entry => ({ path: `d${index}`, directory: true }))
  await createIso(directories, { label: 'WIDE' }, join(directory, 'wide.iso'), new AbortController().signal)
  const listed = await mustInTools(['bsdtar', '-tf', 'wide.iso'], { binds, cwd: '/media' })
  expect(listed.trim().split('\n')).toHaveLength(65_535)
})
