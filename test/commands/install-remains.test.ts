import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { remainsOf } from '../../src/commands/install-remains.ts'
import type { InstallPaths } from '../../src/install/paths.ts'
import { installPaths } from '../../src/install/paths.ts'
import { removeData } from '../../src/server/remove-data.ts'
import { holdDirectory } from '../../src/server/store/database.ts'
import { scratch } from '../support/scratch.ts'

let root = ''
let paths: InstallPaths
beforeEach(() => {
  root = scratch()
  paths = installPaths(root, '/usr/local')
})
function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

function remains(account = '') {
  put(join(root, 'passwd'), `root:x:0:0::/root:/bin/sh\n${account}\n`)
  return remainsOf(paths, join(root, 'passwd'))
}

const ours = () => `provisioner:x:997:997:Provisioner controller:${paths.data}:/usr/sbin/nologin`

test('a command line alone and a person of that name are no installation', async () => {
  put(paths.binary, '')
  expect(await remains('provisioner:x:1000:1000::/home/provisioner:/bin/bash')).toBeUndefined()
})

test('each thing that an interrupted purge leaves is seen', async () => {
  expect(await remains(ours())).toMatchObject({ user: true, units: [], stays: [] })
  put(paths.users, '')
  expect(await remains()).toMatchObject({ user: false })
})

test('data that stays is told, and no data that goes', async () => {
  const stays = async (data: string) => {
    put(paths.config, `data: ${data}\n`)
    return (await remains())?.stays
  }
  mkdirSync(paths.data, { recursive: true })
  expect(await stays(`${paths.data}/`)).toEqual([])
  expect(await stays(`${paths.data}/data`)).toEqual([])
  expect(await stays('/srv/provisioner')).toEqual(['/srv/provisioner'])
  rmSync(paths.data, { recursive: true })
  mkdirSync(join(root, 'disk'))
  symlinkSync(join(root, 'disk'), paths.data)
  expect(await stays(paths.data)).toEqual([join(root, 'disk')])
  put(paths.config, 'data: [\n')
  expect(await remains()).toMatchObject({ unreadableConfig: true })
})

test('data in use is not removed', async () => {
  put(join(paths.data, 'controller.db'), '')
  const held = holdDirectory(join(paths.data, 'lock'))
  await expect(removeData(paths.data)).rejects.toThrow('another provisioner is running')
  held.close()
  expect(existsSync(join(paths.data, 'controller.db'))).toBe(true)
  await removeData(paths.data)
  await removeData(paths.data)
  expect(existsSync(paths.data)).toBe(false)
})
