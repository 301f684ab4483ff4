import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { type RunPaths, runPaths } from '../../../src/dispatcher/paths.ts'
import { findDisk } from '../../../src/dispatcher/steps/disk.ts'
import { claimDisk } from '../../../src/dispatcher/steps/interlock.ts'
import type { Command } from '../../../src/shared/exec.ts'
import type { Recipe } from '../../../src/shared/recipe/schema.ts'
import { scratch } from '../../support/scratch.ts'

let at: string
let paths: RunPaths
/** What the server's one disk is at present. */
let serial: string
let partitions: number
let signatures: string

beforeEach(async () => {
  at = scratch()
  paths = runPaths(join(at, 'run'))
  serial = 'S1'
  partitions = 0
  signatures = ''
  await writeFile(join(at, 'sda'), Buffer.alloc(1024 * 1024))
})

const bare = {
  pkname: null,
  'log-sec': 512,
  wwn: null,
  model: null,
  tran: 'sas',
  rm: false,
  ro: false,
  mountpoints: [],
}

function row(name: string, type: string, size: number) {
  return { ...bare, name, kname: name, path: join(at, name), type, size, serial: type === 'disk' ? serial : null }
}

async function read({ argv }: Command): Promise<string> {
  if (argv[0] === 'wipefs') return signatures
  const disk = row('sda', 'disk', 1024 * 1024)
  const parts = Array.from({ length: partitions }, (_, index) => row(`sda${index + 1}`, 'part', 4096))
  return JSON.stringify({ blockdevices: [disk, ...parts] })
}

/** Chooses the disk and claims it; `announced` happens while the controller is told. */
async function claim(change: Partial<Recipe> = {}, announced = () => {}): Promise<readonly string[]> {
  const disk = change.disk_selector === undefined ? { target_disk: join(at, 'sda') } : {}
  const recipe: Recipe = { task_target: 'install-linux.target', ...disk, ...change }
  const none = async () => undefined
  const announce = async () => announced()
  const context = {
    ...{ recipe, paths, protectedDevices: [], signal: new AbortController().signal, say: () => {} },
    programs: { run: none, read, feed: none },
    progress: { message: () => {}, note: () => {}, bytes: () => {}, announce, flush: none },
  }
  return claimDisk(await findDisk(context), context)
}

const erased = () => readFile(paths.erased, 'utf8').then(JSON.parse)

test('the disk that was announced is kept by its identity, and its old partitions are told', async () => {
  partitions = 2
  expect(await claim()).toEqual([join(at, 'sda1'), join(at, 'sda2')])
  expect(await erased()).toMatchObject({ path: join(at, 'sda'), serial: 'S1' })
})

const swap = () => {
  serial = 'S2'
}

test('a disk that got the name of the announced one meanwhile is refused, and is not called erased', async () => {
  const refused = claim({}, swap)
  await expect(refused).rejects.toMatchObject({ code: 'disk-refused' })
  await expect(refused).rejects.toThrow(/serial S2\): when it was announced it was .*serial S1\)$/)
  await expect(erased()).rejects.toMatchObject({ code: 'ENOENT' })
})

test('the other disk is refused also when the recipe means the first by its serial number', async () => {
  const refused = claim({ disk_selector: { serial: 'S1' } }, swap)
  await expect(refused).rejects.toMatchObject({ code: 'disk-refused' })
  await expect(erased()).rejects.toMatchObject({ code: 'ENOENT' })
})

test.for<[string, () => unknown, string]>([
  ['partitions', () => (partitions = 2), 'it has 2 partitions'],
  ['a signature', () => (signatures = 'ext4 0x438\n'), 'it has ext4 at 0x438'],
  ['bytes that nobody knows', () => writeFile(join(at, 'sda'), 'boot code'), 'its first MiB is not all zeros'],
])(
  'a disk with %s is erased, unless the recipe demands an empty one: then it is not even announced',
  async ([, fill, reason]) => {
    await fill()
    const announced: string[] = []
    const refused = claim({ require_empty: true }, () => void announced.push('erasing'))
    await expect(refused).rejects.toMatchObject({ code: 'disk-refused' })
    await expect(refused).rejects.toThrow(`the recipe demands an empty disk, and ${reason}`)
    expect(announced).toEqual([])
    await expect(erased()).rejects.toMatchObject({ code: 'ENOENT' })
    await claim()
    expect(await erased()).toMatchObject({ serial: 'S1' })
  },
)

test('a step that is repeated may erase what it has written itself onto a disk that was empty, and no other disk', async () => {
  await claim({ require_empty: true })
  partitions = 2
  expect(await claim({ require_empty: true })).toHaveLength(2)
  swap()
  await expect(claim({ require_empty: true })).rejects.toThrow('the recipe demands an empty disk')
})
