import { execFileSync } from 'node:child_process'
import { constants } from 'node:fs'
import { mkdir, open, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findMedium } from '../../src/dispatcher/medium.ts'
import { imageOf } from '../isobuilder/image-bytes.ts'
import { dispatching } from './dispatching.ts'
import { LABEL, taskImage } from './task-medium.ts'

const here = dispatching()

test('the medium is found by its content on CD drives and removable disks, also when it appears late', async () => {
  for (const name of ['sr0', 'sr1', 'sda', 'loop0']) await mkdir(join(here.at, 'sys/block', name))
  await writeFile(join(here.at, 'dev/sr0'), await imageOf([], 'MAINTENANCE'))
  await writeFile(join(here.at, 'dev/sda'), await taskImage())
  const [code] = await Promise.all([
    here.look({ mediumWaitMs: 5000 }),
    taskImage().then((image) => writeFile(join(here.at, 'dev/sr1'), image)),
  ])
  expect(code).toBe(0)
  expect(here.said.join('\n')).toContain(`found ${LABEL} in ${join(here.at, 'dev/sr1')}`)
  expect((await here.state())['protected_devices']).toContain('sr1')
})

test('a fixed disk is never looked at, a USB disk is', async () => {
  await mkdir(join(here.at, 'sys/block/sda'))
  await writeFile(join(here.at, 'dev/sda'), await taskImage())
  expect(await here.look()).toBe(10)
  await mkdir(join(here.at, 'sys/devices/pci0000:00/usb1/1-2/block/sdb'), { recursive: true })
  await symlink('../devices/pci0000:00/usb1/1-2/block/sdb', join(here.at, 'sys/block/sdb'))
  await writeFile(join(here.at, 'dev/sdb'), await taskImage())
  expect(await here.look()).toBe(0)
})

test.for([0, 1, 300])('a task medium behind the maintenance medium is found, %i sectors after its end', async (gap) => {
  const maintenance = await imageOf([], 'MAINTENANCE')
  expect(await here.go(Buffer.concat([maintenance, Buffer.alloc(gap * 2048), await taskImage()]))).toBe(0)
  expect(here.said.join('\n')).toContain(`at byte ${maintenance.length + gap * 2048}`)
})

test('a device that does not answer holds up no other, and is not asked again before it does', async () => {
  for (const name of ['sr0', 'sr1']) await mkdir(join(here.at, 'sys/block', name))
  // Opening a pipe waits for somebody to write.
  const silent = join(here.at, 'dev/sr0')
  execFileSync('mkfifo', [silent])
  const find = () => findMedium(here.deps.devices, undefined, 300, new AbortController().signal, 30)
  try {
    await expect(find()).rejects.toMatchObject({ code: 'medium-missing' })
    await writeFile(join(here.at, 'dev/sr1'), await taskImage())
    await using medium = await find()
    expect(medium.device).toBe(join(here.at, 'dev/sr1'))
  } finally {
    await (await open(silent, constants.O_RDWR)).close()
  }
})
