import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { qemuCommand, TCG } from './command-line.ts'
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
  media: [],
  bootFrom: 'disk',
  forwards: [],
} as const

test('a boot override puts the first CD before the disk, and nothing else is ever booted', () => {
  const text = (bootFrom: 'cd' | 'disk') => qemuCommand({ ...MACHINE, bootFrom }).join(' ')
  expect(text('cd')).toContain('ide-cd,id=cd0,bus=ide.0,bootindex=1')
  expect(text('disk')).toContain('ide-cd,id=cd0,bus=ide.0,bootindex=3')
  for (const boot of ['cd', 'disk'] as const) {
    expect(text(boot)).toContain('virtio-blk-pci,drive=disk,serial=disk-LAB-0001,bootindex=2')
    expect(text(boot)).toContain('ide-cd,id=cd1,bus=ide.1 ')
  }
})

test('media are block nodes of the NBD server, and serial number and uuid are those of SMBIOS', () => {
  const argv = qemuCommand({ ...MACHINE, media: [{ drive: 1, exportName: 'm7' }] })
  expect(JSON.parse(argv[argv.indexOf('-blockdev') + 1] ?? '')).toEqual({
    driver: 'nbd',
    'node-name': 'cd1-m7',
    server: { type: 'inet', host: '127.0.0.1', port: '4002' },
    export: 'm7',
    'read-only': true,
  })
  expect(argv).toContain('ide-cd,id=cd1,bus=ide.1,drive=cd1-m7')
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
