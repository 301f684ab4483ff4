import { readFile, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { checkMenu, kernelsOfConfig } from '../../../src/dispatcher/steps/grub-menu.ts'
import { putFiles, scratch } from '../../support/scratch.ts'

let root: string

beforeEach(() => {
  root = scratch()
})

const put = (files: Readonly<Record<string, string>>) => putFiles(root, files)

/** As Debian's grub-mkconfig writes it. */
const CONFIG = `
menuentry 'Debian GNU/Linux' --class debian {
	load_video
	echo	'Loading Linux 6.12.1 ...'
	linux	/boot/vmlinuz-6.12.1 root=UUID=U1 ro quiet
	echo	'Loading initial ramdisk ...'
	initrd	/boot/early_ucode.cpio /boot/initrd.img-6.12.1
}
menuentry 'Memory test' {
	linux16	/boot/memtest86+x64.bin
}
`
const KERNEL = { 'boot/vmlinuz-6.12.1': 'k', 'boot/initrd.img-6.12.1': 'i', 'boot/early_ucode.cpio': 'u' }

/** As Fedora's kernel-install writes one for a /boot of its own. */
const ENTRY = `title Fedora Linux (6.14.0)
version 6.14.0
linux /vmlinuz-6.14.0
initrd /initramfs-6.14.0.img $tuned_initrd
options root=UUID=U1 ro console=ttyS0 $tuned_params
`
const FEDORA = {
  'boot/grub2/grub.cfg': 'insmod blscfg\nblscfg\nfi\n',
  'boot/vmlinuz-6.14.0': 'k',
  'boot/initramfs-6.14.0.img': 'i',
}

const rootNames = { UUID: 'U1', PARTUUID: 'P1', LABEL: 'root' }
const check = (directory: string, ownBoot: boolean, kernelArguments: readonly string[] = []) =>
  checkMenu(root, { directory, ownBoot, rootNames, kernelArguments })

test('every kernel of a grub.cfg is found, with what is loaded beside it', () => {
  expect(kernelsOfConfig(CONFIG)).toEqual([
    {
      kernel: '/boot/vmlinuz-6.12.1',
      initramfs: ['/boot/early_ucode.cpio', '/boot/initrd.img-6.12.1'],
      options: '/boot/vmlinuz-6.12.1 root=UUID=U1 ro quiet',
    },
    { kernel: '/boot/memtest86+x64.bin', initramfs: [], options: '/boot/memtest86+x64.bin' },
  ])
  expect(kernelsOfConfig('  $linux ($root)/vmlinuz a=/b\n  linuxefi /k\n  initrdefi /i\n')).toEqual([
    { kernel: '/vmlinuz', initramfs: [], options: '($root)/vmlinuz a=/b' },
    { kernel: '/k', initramfs: ['/i'], options: '/k' },
  ])
})

test('a menu that starts a kernel of the system is good', async () => {
  await put({ 'boot/grub/grub.cfg': CONFIG, ...KERNEL, 'boot/memtest86+x64.bin': 'm' })
  expect(await check('grub', false)).toEqual(['/boot/vmlinuz-6.12.1'])
})

/** A second system, as os-prober finds it on another disk. */
const OTHER = `menuentry 'Debian (on /dev/sdb1)' {\n\tlinux /boot/vmlinuz-6.12.1 root=UUID=OTHER\n\tinitrd /boot/initrd.img-6.12.1\n}\n`

test.for([
  'root=PARTUUID=p1',
  'root=LABEL=root',
  'root=/dev/mapper/mpatha-part2',
  'root=UUID=$uuid',
  'root=UUID=OLD quiet root=UUID=U1',
  'ro',
])('a menu whose first kernel is told %s is good, whatever follows it', async (told) => {
  await put({
    'boot/grub/grub.cfg': CONFIG.replace('root=UUID=U1', told) + OTHER,
    ...KERNEL,
    'boot/memtest86+x64.bin': 'm',
  })
  expect(await check('grub', false, ['quiet'])).toEqual(['/boot/vmlinuz-6.12.1'])
})

test.for([
  'UUID=OLD',
  // As Ubuntu's images for clouds have it.
  'PARTUUID=6f1d0b7e-01',
  'LABEL=cloudimg-rootfs',
])('a menu whose first kernel is told the root of another machine, %s, is refused', async (told) => {
  for (const words of [`root=${told}`, `root=UUID=U1 root="${told}"`]) {
    await put({ 'boot/grub/grub.cfg': CONFIG.replace('root=UUID=U1', words), ...KERNEL })
    await expect(check('grub', false)).rejects.toThrow(`vmlinuz-6.12.1 starts another root, ${told}`)
  }
})

test('a kernel that is not told what the recipe demands is refused, in a grub.cfg and in an entry of its own', async () => {
  const message = 'lacks "console=ttyS0,115200" of the recipe\'s kernel_arguments'
  await put({ 'boot/grub/grub.cfg': CONFIG, ...KERNEL })
  await expect(check('grub', false, ['quiet', 'console=ttyS0,115200'])).rejects.toThrow(message)
  await put({ ...FEDORA, 'boot/loader/entries/a-6.14.0.conf': ENTRY })
  await expect(check('grub2', true, ['console=ttyS0,115200'])).rejects.toThrow(message)
  expect(await check('grub2', true, ['ro', 'console=ttyS0'])).toEqual(['/vmlinuz-6.14.0'])
  await put({ 'boot/loader/entries/a-6.14.0.conf': ENTRY.replace(/^options.*$/m, 'options $kernelopts $tuned_params') })
  expect(await check('grub2', true, ['console=ttyS0,115200'])).toEqual(['/vmlinuz-6.14.0'])
})

test.for<[string, Readonly<Record<string, string>>, boolean]>([
  ['without a kernel', { 'boot/grub/grub.cfg': 'menuentry "UEFI Firmware Settings" {\n\tfwsetup\n}\n' }, false],
  ['whose kernel is not there', { 'boot/grub/grub.cfg': CONFIG }, false],
  ['whose kernel has no initramfs', { 'boot/grub/grub.cfg': '\tlinux /boot/vmlinuz-6.12.1\n', ...KERNEL }, false],
  ['for a /boot of its own, which the recipe has not', { ...FEDORA, 'boot/loader/entries/a.conf': ENTRY }, false],
  ['that was not written', KERNEL, false],
])('a menu %s would end at the prompt of GRUB', async ([, files, ownBoot]) => {
  await put(files)
  const directory = 'boot/grub2/grub.cfg' in files ? 'grub2' : 'grub'
  await expect(check(directory, ownBoot)).rejects.toThrow('no entry of its boot menu has a kernel and an initramfs')
})

test('a link to a kernel of the maintenance OS is none of the system', async () => {
  await put({ 'boot/grub/grub.cfg': CONFIG, ...KERNEL })
  await rm(join(root, 'boot/vmlinuz-6.12.1'))
  await symlink('/etc/passwd', join(root, 'boot/vmlinuz-6.12.1'))
  await expect(check('grub', false)).rejects.toThrow('no entry')
})

test('entries of their own are followed, and later kernels are told the same', async () => {
  await put({ ...FEDORA, 'boot/loader/entries/a-6.14.0.conf': ENTRY, 'etc/kernel/cmdline': 'root=UUID=OLD ro\n' })
  expect(await check('grub2', true)).toEqual(['/vmlinuz-6.14.0'])
  expect(await readFile(join(root, 'etc/kernel/cmdline'), 'utf8')).toBe('root=UUID=U1 ro console=ttyS0\n')
})

test('an entry for the root of the machine that the image was made on is refused', async () => {
  await put({ ...FEDORA, 'boot/loader/entries/a-6.14.0.conf': ENTRY.replace('UUID=U1', 'UUID=OLD') })
  await expect(check('grub2', true)).rejects.toThrow('the entry of /vmlinuz-6.14.0 starts another root, UUID=OLD')
})

/** As dracut-config-rescue names it; it sorts before every version. */
const RESCUE = ENTRY.replaceAll('6.14.0', '0-rescue-f00d').replace('UUID=U1', 'UUID=OLD')
const RESCUED = { ...FEDORA, 'boot/vmlinuz-0-rescue-f00d': 'k', 'boot/initramfs-0-rescue-f00d.img': 'i' }

test('a rescue entry of the machine that the image was made on spoils no menu that starts, and tells later kernels nothing', async () => {
  const entries = { 'boot/loader/entries/a-0-rescue.conf': RESCUE, 'boot/loader/entries/a-6.14.0.conf': ENTRY }
  await put({ ...RESCUED, ...entries })
  expect(await check('grub2', true)).toEqual(['/vmlinuz-6.14.0'])
  expect(await readFile(join(root, 'etc/kernel/cmdline'), 'utf8')).toBe('root=UUID=U1 ro console=ttyS0\n')
})

test('a rescue entry for another root is all that there is: the menu is refused', async () => {
  await put({ ...RESCUED, 'boot/loader/entries/a-0-rescue.conf': RESCUE })
  await expect(check('grub2', true)).rejects.toThrow('starts another root, UUID=OLD')
})
