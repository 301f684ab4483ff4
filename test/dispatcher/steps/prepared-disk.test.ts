import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { runPaths } from '../../../src/dispatcher/paths.ts'
import { findPreparedDisk } from '../../../src/dispatcher/steps/prepared-disk.ts'
import { scratch } from '../../support/scratch.ts'

let directory = ''

beforeEach(() => {
  directory = scratch()
})

const GIB = 1024 ** 3
const DISK = { path: '/dev/vda', bytes: 20 * GIB, serial: 'A' }

function find(serial: string, bytes = 20 * GIB) {
  const row = { name: 'vda', kname: 'vda', pkname: null, path: '/dev/vda', type: 'disk', 'log-sec': 512, rm: false }
  const blockdevices = [{ ...row, size: bytes, serial, wwn: null, model: null, tran: null, ro: false }]
  const none = async () => undefined
  return findPreparedDisk({
    recipe: { task_target: 'install-linux.target', disk_selector: { bus: 'virtio' } },
    programs: { run: none, read: async () => JSON.stringify({ blockdevices }), feed: none },
    protectedDevices: [],
    signal: new AbortController().signal,
    paths: runPaths(directory),
  })
}

async function prepared(state: object): Promise<void> {
  await mkdir(join(directory, 'state'), { recursive: true })
  await writeFile(runPaths(directory).step('partition'), JSON.stringify(state))
}

test('the disk that the partition step has prepared is written further', async () => {
  await prepared({ status: 'done', disk: DISK })
  expect(await find('A')).toMatchObject({ path: '/dev/vda', serial: 'A' })
})

test('a disk under the same name that is another one is refused', async () => {
  await prepared({ status: 'done', disk: DISK })
  await expect(find('B')).rejects.toThrow('the partition step has prepared another disk, /dev/vda')
  await expect(find('A', 30 * GIB)).rejects.toThrow('another disk')
})

test('nothing is written before the partition step, or after one that failed', async () => {
  await expect(find('A')).rejects.toThrow('the partition step has not prepared it')
  await prepared({ status: 'failed', message: 'x' })
  await expect(find('A')).rejects.toThrow('the partition step has not prepared it')
})
