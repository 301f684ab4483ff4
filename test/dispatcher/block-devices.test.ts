import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { mediumCandidates, mountedDevices } from '../../src/dispatcher/block-devices.ts'
import { scratch } from '../support/scratch.ts'

let sys = ''

beforeEach(() => {
  sys = scratch()
})

/** A device as sysfs shows it; `below` are the devices a mapping lies on. */
function device(number: string, path: string, below: readonly string[] = []): void {
  const at = join(sys, 'devices', path)
  mkdirSync(join(at, 'slaves'), { recursive: true })
  if (path.includes('/')) writeFileSync(join(at, 'partition'), '1\n')
  for (const other of below) symlinkSync(join(sys, 'devices', other), join(at, 'slaves', other.split('/').at(-1) ?? ''))
  const link = join(sys, 'dev/block', number)
  mkdirSync(dirname(link), { recursive: true })
  symlinkSync(at, link)
}

test('a device that goes while it is looked at is no candidate, and the others are still found', async () => {
  mkdirSync(join(sys, 'block/sr0'), { recursive: true })
  symlinkSync('../devices/usb1/gone', join(sys, 'block/sda'))
  expect(await mediumCandidates({ sys, dev: '/dev' })).toEqual(['/dev/sr0'])
})

const mount = (number: string) => `36 35 ${number} / /somewhere ro - ext4 /dev/x ro`

test('a mounted partition protects its disk, a mapping everything below it down to the disks', async () => {
  device('8:0', 'sda')
  device('8:3', 'sda/sda3')
  device('8:17', 'sdb/sdb1')
  device('253:0', 'dm-0', ['sda/sda3'])
  device('253:1', 'dm-1', ['dm-0'])
  device('11:0', 'sr0')
  const mounts = [mount('0:22'), mount('8:17'), mount('253:1'), mount('11:0')].join('\n')
  expect(await mountedDevices(mounts, sys)).toEqual(['dm-0', 'dm-1', 'sda', 'sda3', 'sdb', 'sdb1', 'sr0'])
})
