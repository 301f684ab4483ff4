import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startMediaServer } from '../lab/bmc/media-server.ts'
import { bootMedium } from '../lab/qemu/boot-medium.ts'
import { createVm } from '../lab/qemu/vm.ts'
import { scratch } from '../support/scratch.ts'

const BOOT_MS = 60_000

test('one image boots under UEFI as a CD and as a USB disk', async () => {
  const directory = scratch()
  const iso = await bootMedium(directory, 'started from our own medium', 'shutdown')
  const machine = (name: string) => ({
    serial: 'LAB-0001',
    uuid: '6f0ed3a6-0c5c-4c3e-9a54-0f3b7a6e0001',
    diskPath: join(directory, `${name}.raw`),
    diskSize: 64 * 1024 * 1024,
    workDir: join(directory, name),
    logPath: join(directory, `${name}.log`),
    memoryMiB: 512,
  })

  const files = await startMediaServer({ '/boot.iso': iso })
  onTestFinished(() => files.close())
  const withCd = await createVm(machine('cd'))
  onTestFinished(() => withCd.close())
  await withCd.media(0, `${files.url}/boot.iso`)
  await withCd.start('cd')
  await withCd.waitForOff(BOOT_MS)
  expect(withCd.consoleText()).toContain('started from our own medium')

  const withStick = await createVm({ ...machine('usb'), drives: ['usb'] })
  onTestFinished(() => withStick.close())
  await withStick.media(0, `${files.url}/boot.iso`)
  await withStick.start('cd')
  await withStick.waitForOff(BOOT_MS)
  expect(withStick.consoleText()).toContain('started from our own medium')
})
