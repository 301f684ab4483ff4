import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { type InsertedMedium, qemuCommand, TCG } from './command-line.ts'
import { serialConsole } from './console.ts'

const MACHINE = {
  serial: 'LAB-0001',
  uuid: '6f0ed3a6-0c5c-4c3e-9a54-0f3b7a6e0001',
  memoryMiB: 2048,
  cpus: 2,
  accelerator: TCG,
  variables: '/vm/variables.fd',
  disk: '/disk',
  qmpPort: 4001,
  nbdPort: 4002,
  drives: ['cd', 'cd'],
  media: [],
  bootFrom: 'disk',
  card: true,
  forwards: [],
} as const

test('a boot override puts the first CD before the disk, and nothing else is ever booted', () => {
  const text = (bootFrom: 'cd' | 'disk') => qemuCommand({ ...MACHINE, bootFrom }).join(' ')
  expect(text('cd')).toContain('ide-cd,id=drive0,bus=ide.0,bootindex=1')
  expect(text('disk')).toContain('ide-cd,id=drive0,bus=ide.0,bootindex=3')
  for (const boot of ['cd', 'disk'] as const) {
    expect(text(boot)).toContain('virtio-blk-pci,drive=disk,serial=disk-LAB-0001,bootindex=2')
    expect(text(boot)).toContain('ide-cd,id=drive1,bus=ide.1 ')
  }
})

test('a USB disk is there when it has a medium, and is started from like a CD', () => {
  const text = (media: readonly InsertedMedium[]) =>
    qemuCommand({ ...MACHINE, drives: ['usb', 'usb'], media, bootFrom: 'cd' }).join(' ')
  expect(text([])).not.toContain('usb-storage')
  const both = text([0, 1].map((drive) => ({ drive, exportName: `m${drive}` })))
  expect(both).toContain('qemu-xhci')
  expect(both).toContain('usb-storage,id=drive0,removable=on,drive=drive0-m0,bootindex=1')
  expect(both).toMatch(/usb-storage,id=drive1,removable=on,drive=drive1-m1 /)
})

test('a machine without a card has no network of any kind', () => {
  expect(qemuCommand(MACHINE).join(' ')).toContain('virtio-net-pci')
  expect(qemuCommand({ ...MACHINE, card: false }).join(' ')).not.toMatch(/net/)
})

test('media are block nodes of the NBD server, and serial number and uuid are those of SMBIOS', () => {
  const argv = qemuCommand({ ...MACHINE, media: [{ drive: 1, exportName: 'm7' }] })
  expect(JSON.parse(argv[argv.indexOf('-blockdev') + 1] ?? '')).toEqual({
    driver: 'nbd',
    'node-name': 'drive1-m7',
    server: { type: 'inet', host: '127.0.0.1', port: '4002' },
    export: 'm7',
    'read-only': true,
  })
  expect(argv).toContain('ide-cd,id=drive1,bus=ide.1,drive=drive1-m7')
  expect(argv[argv.indexOf('-smbios') + 1]).toContain('serial=LAB-0001,uuid=6f0ed3a6-0c5c-4c3e-9a54-0f3b7a6e0001')
})

test('the console is read without escape sequences, wherever they are cut', async () => {
  const screen = serialConsole('/dev/null')
  const output = new PassThrough()
  screen.attach(output)
  for (const chunk of ['\x1b[2J\x1b[01;0', '1Hhel\x1b', '[0;1;38:5:185mlo\r\nlogin:']) output.write(chunk)
  expect((await screen.waitFor(/hel+o\n(login):/, 1000))[1]).toBe('login')
  await expect(screen.waitFor(/never/, 1)).rejects.toThrow(
    /has not said \/never\/ within 1 ms; its last lines:\nhello\nlogin:/,
  )
  screen.close()
})
