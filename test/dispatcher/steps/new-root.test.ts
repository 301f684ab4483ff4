import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { placeIn } from '../../../src/dispatcher/steps/new-root.ts'
import { scratch } from '../../support/scratch.ts'

let directory = ''
let root = ''

beforeEach(() => {
  directory = scratch()
  root = join(directory, 'root')
  mkdirSync(join(root, 'etc'), { recursive: true })
  mkdirSync(join(directory, 'outside'))
  writeFileSync(join(directory, 'outside/file'), 'precious')
})

test('a file goes where it is said, its directories are made, and links inside the image are followed', async () => {
  expect(await placeIn(root, 'etc/default/grub')).toBe(join(root, 'etc/default/grub'))
  writeFileSync(join(root, 'etc/real'), '')
  symlinkSync('real', join(root, 'etc/fstab'))
  expect(await placeIn(root, 'etc/fstab')).toBe(join(root, 'etc/real'))
})

test.for(['/outside/file', '../../outside/file', '/nowhere'])(
  'a file that is a link to %s is replaced',
  async (target) => {
    const link = join(root, 'etc/fstab')
    symlinkSync(target.startsWith('/') ? join(directory, target) : target, link)
    expect(await placeIn(root, 'etc/fstab')).toBe(link)
    expect(existsSync(link)).toBe(false)
    expect(existsSync(join(directory, 'outside/file'))).toBe(true)
  },
)

test.for(['../../outside', '/proc', '/nowhere'])('a directory that is a link to %s is refused', async (target) => {
  symlinkSync(target, join(root, 'etc/default'))
  await expect(placeIn(root, 'etc/default/grub')).rejects.toThrow('a link that leads out of it')
})
