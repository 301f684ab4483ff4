import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { bmcConnector } from '../../../src/server/redfish/bmc.ts'
import { REAL_TIMING } from '../../../src/server/redfish/timing.ts'
import { startBmc } from '../bmc/bmc.ts'
import { startMediaServer } from '../bmc/media-server.ts'
import { bootMedium } from './boot-medium.ts'
import type { Afterwards } from './efi-program.ts'
import { createVm } from './vm.ts'

const never = new AbortController().signal
const BOOT_MS = 60_000

test('a server is booted from media over HTTP, through its BMC, by our client', async () => {
  const { vm, bmc, media, running, log } = await server('stay')
  await bmc.insertMedia(media.urls, () => undefined, never)
  await bmc.bootOnceFromCd(never)
  await bmc.powerOn(never)
  await vm.waitForConsole(/hello from the medium/, BOOT_MS)
  expect(await bmc.power(never)).toBe('on')
  expect(media.requests.filter((line) => line.startsWith('HEAD'))).toHaveLength(2)
  expect(media.requests.filter((line) => line.includes('/maintenance.iso 0-'))).toHaveLength(1)

  // The guest runs: the drives are emptied and filled under it.
  await bmc.ejectMedia(never)
  await bmc.insertMedia(media.urls, () => undefined, never)
  await bmc.powerOff(never)
  await bmc.ejectMedia(never)
  expect([vm.power(), await bmc.power(never)]).toEqual(['off', 'off'])
  expect(running.log.resets).toEqual(['On', 'ForceOff'])
  expect(await readFile(log, 'utf8')).toMatch(/^ +\d+\.\d{3} .*hello from the medium/m)
})

test('a server that switches itself off is off for its BMC', async () => {
  const { vm, bmc, media } = await server('shutdown')
  await bmc.insertMedia(media.urls, () => undefined, never)
  await bmc.bootOnceFromCd(never)
  await bmc.powerOn(never)
  await vm.waitForOff(BOOT_MS)
  expect(vm.consoleText()).toContain('hello from the medium')
  expect(await bmc.power(never)).toBe('off')
})

test('a boot override is for one boot: after a reset by the guest, the disk is before the CD', async () => {
  const { vm, bmc, media, running } = await server('reset')
  await bmc.insertMedia(media.urls, () => undefined, never)
  await bmc.bootOnceFromCd(never)
  await bmc.powerOn(never)
  await vm.waitForConsole(/hello from the medium[\s\S]*failed to load Boot[^\n]*Misc Device/, BOOT_MS)
  expect(vm.guestResets()).toBeGreaterThan(0)
  expect(running.log.resets).toEqual(['On'])
})

/** A switched-off server with its BMC, the medium of this test, and our client; ends with the test. */
async function server(afterwards: Afterwards) {
  const directory = await mkdtemp(join(tmpdir(), 'vm-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const iso = await bootMedium(join(directory, 'medium'), 'hello from the medium', afterwards)
  const files = await startMediaServer({ '/media/t-1/maintenance.iso': iso, '/media/t-1/task.iso': iso })
  onTestFinished(() => files.close())
  const [serial, uuid] = ['LAB-0001', '6f0ed3a6-0c5c-4c3e-9a54-0f3b7a6e0001']
  const log = join(directory, 'console.log')
  const vm = await createVm({
    serial,
    uuid,
    diskPath: join(directory, 'disk.img'),
    diskSize: 64 * 1024 * 1024,
    workDir: join(directory, 'vm'),
    logPath: log,
    memoryMiB: 512,
  })
  onTestFinished(() => vm.close())
  const account = { username: 'admin', password: 'pa55-w0rd' }
  const running = await startBmc({ machine: vm, serial, uuid, ...account })
  onTestFinished(() => running.close())
  const timing = { ...REAL_TIMING, pollMs: 100 }
  const bmc = await bmcConnector(timing)({ url: running.url, ...account, verifyTls: false }, never)
  onTestFinished(() => bmc.close())
  const urls = { maintenance: `${files.url}/media/t-1/maintenance.iso`, task: `${files.url}/media/t-1/task.iso` }
  return { vm, bmc, running, log, media: { urls, requests: files.requests } }
}
