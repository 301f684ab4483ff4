import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { askForRelabel, usesSelinux } from '../../../src/dispatcher/steps/selinux.ts'
import { installSystemdBoot, namesOf } from '../../../src/dispatcher/steps/systemd-boot.ts'
import { putFiles, scratch } from '../../support/scratch.ts'

let root: string

beforeEach(() => {
  root = scratch()
})

const put = (files: Readonly<Record<string, string>>) => putFiles(root, files)

const text = (path: string) => readFile(join(root, path), 'utf8')
const SYSTEM = {
  'usr/lib/systemd/boot/efi/systemd-bootx64.efi': 'loader',
  'etc/os-release': 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n',
  'usr/lib/modules/6.12.1/modules.dep': '',
  'boot/vmlinuz-6.12.1': 'kernel of Debian',
  'boot/initrd.img-6.12.1': 'initrd of Debian',
  'usr/lib/modules/6.13.0/vmlinuz': 'kernel of Fedora',
  'boot/initramfs-6.13.0.img': 'initrd of Fedora',
  'usr/lib/modules/5.0.0/left-behind': '',
}

const install = (kernelArguments: readonly string[]) => installSystemdBoot(root, '/efi', 'U1', kernelArguments, 'x64')

test('systemd-boot starts every kernel of the system, at the path that firmware finds by itself', async () => {
  await put(SYSTEM)
  expect(await install(['quiet'])).toEqual(['6.12.1', '6.13.0'])
  expect(await text('efi/EFI/BOOT/BOOTX64.EFI')).toBe('loader')
  expect(await text('efi/EFI/systemd/systemd-bootx64.efi')).toBe('loader')
  expect(await text('efi/loader/loader.conf')).toBe('timeout 3\ndefault debian-*\n')
  expect(await text('efi/loader/entries/debian-6.12.1.conf')).toBe(
    [
      'title Debian GNU/Linux 13 (trixie)',
      'version 6.12.1',
      'linux /debian/6.12.1/linux',
      'initrd /debian/6.12.1/initrd',
      'options root=UUID=U1 rw quiet\n',
    ].join('\n'),
  )
  expect(await text('efi/debian/6.12.1/linux')).toBe('kernel of Debian')
  expect(await text('efi/debian/6.13.0/initrd')).toBe('initrd of Fedora')
  expect(await text('etc/kernel/cmdline')).toBe('root=UUID=U1 rw quiet\n')
})

test('a repeated step leaves no entry of the one before', async () => {
  await put({ ...SYSTEM, 'efi/loader/entries/old-1.conf': 'title Old\n' })
  await install(['a=1'])
  await install(['b=2'])
  expect((await readdir(join(root, 'efi/loader/entries'))).sort()).toEqual(['debian-6.12.1.conf', 'debian-6.13.0.conf'])
  expect(await text('efi/loader/entries/debian-6.12.1.conf')).not.toContain('a=1')
})

test('a kernel that could not find its root is no kernel to boot', async () => {
  await put({ 'usr/lib/modules/1/vmlinuz': 'x' })
  await expect(install([])).rejects.toThrow('kernel 1 has no initramfs')
  await rm(join(root, 'usr'), { recursive: true })
  await expect(install([])).rejects.toThrow('it has systemd-boot and no kernel')
})

test('the name on the ESP is the token of the system, its ID, or linux; never a path', () => {
  expect(namesOf('ID=fedora\n', 'abc\n').token).toBe('abc')
  expect(namesOf('ID="opensuse-leap"\n', undefined).token).toBe('opensuse-leap')
  expect(namesOf('ID=..\n', '../x')).toEqual({ token: 'linux', title: 'Linux' })
})

test.for<[string, boolean]>([
  ['SELINUX=enforcing\nSELINUXTYPE=targeted\n', true],
  ['# SELINUX= can take\nSELINUX=permissive', true],
  ['SELINUX=disabled\n', false],
  ['#SELINUX=enforcing\n', false],
  ['', false],
])('%j wants its files labelled: %s', ([config, wanted]) => {
  expect(usesSelinux(config)).toBe(wanted)
})

test('a system with SELinux labels its files at its first boot', async () => {
  expect(await askForRelabel(root)).toBe(false)
  await put({ 'etc/selinux/config': 'SELINUX=enforcing\n' })
  expect(await askForRelabel(root)).toBe(true)
  expect((await readdir(root)).sort()).toEqual(['.autorelabel', 'etc'])
})
