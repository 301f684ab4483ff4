import { rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { dispatching } from './dispatching.ts'

const here = dispatching()

test('trusted keys that cannot be read are not taken for none, with which any signature is good', async () => {
  await rm(join(here.at, 'trust'), { recursive: true })
  await writeFile(join(here.at, 'trust'), 'no directory')
  expect(await here.go()).toBe(19)
  expect(here.said.join('\n')).toContain(`Cannot read the trusted keys in ${join(here.at, 'trust')}`)
  expect(here.ran).toEqual([])
})

test('a trusted key that is none, or leads nowhere, is named and is no bug', async () => {
  await writeFile(join(here.at, 'trust/old.pub'), '-----BEGIN PUBLIC KEY-----')
  expect(await here.go()).toBe(19)
  expect(here.said.join('\n')).toContain(`Cannot use the trusted key ${join(here.at, 'trust/old.pub')}`)
  await rm(join(here.at, 'trust/old.pub'))
  await symlink('/nowhere', join(here.at, 'trust/old.pub'))
  expect(await here.go()).toBe(19)
})
