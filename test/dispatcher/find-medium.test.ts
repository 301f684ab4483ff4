import { execFileSync, spawnSync } from 'node:child_process'
import { constants } from 'node:fs'
import { mkdir, open, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { findMedium } from '../../src/dispatcher/medium.ts'
import { imageOf } from '../isobuilder/image-bytes.ts'
import { dispatching } from './dispatching.ts'
import { LABEL, taskImage } from './task-medium.ts'

const here = dispatching()
const MEDIUM = join(import.meta.dirname, '../../src/dispatcher/medium.ts')

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

const silent: string[] = []

afterEach(async () => {
  for (const device of silent.splice(0)) await (await open(device, constants.O_RDWR)).close()
})

/** Opening a pipe waits for somebody to write. */
async function silentDrive(name: string): Promise<string> {
  await mkdir(join(here.at, 'sys/block', name))
  const device = join(here.at, 'dev', name)
  execFileSync('mkfifo', [device])
  silent.push(device)
  return device
}

async function drive(name: string): Promise<string> {
  await mkdir(join(here.at, 'sys/block', name))
  return join(here.at, 'dev', name)
}

const find = (waitMs = 300, probeMs = 30) =>
  findMedium(here.deps.devices, undefined, waitMs, new AbortController().signal, { probeMs })

test('a device that does not answer holds up no other for long, and is not asked again before it does', async () => {
  await silentDrive('sr0')
  await expect(find()).rejects.toMatchObject({ code: 'medium-missing' })
  const other = await drive('sr1')
  await writeFile(other, await taskImage())
  await using medium = await find()
  expect(medium.device).toBe(other)
})

test('a device that does not answer holds up none before it', async () => {
  const first = await drive('sr0')
  await writeFile(first, await taskImage())
  await silentDrive('sr1')
  await using medium = await find(20_000, 20_000)
  expect(medium.device).toBe(first)
})

test('a device that does not answer keeps the process from nothing: it ends', async () => {
  await silentDrive('sr0')
  const source = `
    const { findMedium } = await import(${JSON.stringify(MEDIUM)})
    const devices = ${JSON.stringify(here.deps.devices)}
    await findMedium(devices, undefined, 100, new AbortController().signal, { probeMs: 10 }).catch(({ code }) => console.log(code))`
  const argv = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', source]
  const { stdout, signal } = spawnSync(process.execPath, argv, { encoding: 'utf8', timeout: 10_000, killSignal: 9 })
  expect([stdout, signal]).toEqual(['medium-missing\n', null])
})
