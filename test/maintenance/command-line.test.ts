import { expect, test } from 'vitest'
import { commandLine } from '../../src/maintenance/build.ts'

/** Every argument that a medium is started with, and what would happen without it. */
const ARGUMENTS = [
  ['root=live:CDLABEL=MAINT', 'dracut does not know which medium is the root'],
  ['rd.live.image', 'dmsquash-live is left out'],
  ['rd.live.overlay.overlayfs=1', 'writes go to a device-mapper snapshot, not to an overlayfs'],
  ['rd.md=0', 'arrays of the server are assembled in the initramfs, and resynced'],
  ['rd.lvm=0', 'volume groups of the server hold the disk that is to be erased'],
  ['rd.dm=0', 'so do BIOS RAID sets'],
  ['systemd.gpt_auto=no', 'partitions of the server may become mounts and swap of this system'],
  ['selinux=0', 'Fedora enforces its policy on files that have no labels'],
] as const

test('a medium is started as a live system that takes nothing from the disks, without SELinux', () => {
  expect(commandLine('MAINT', '').split(' ')).toEqual(ARGUMENTS.map(([argument]) => argument))
})

test('what the operator appends comes last: of two values the kernel takes the last', () => {
  expect(commandLine('MAINT', 'selinux=1 console=ttyS1')).toMatch(/ selinux=0 selinux=1 console=ttyS1$/)
})
