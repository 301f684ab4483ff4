import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from '../../shared/exec.ts'
import { isPresent } from '../../shared/files.ts'
import { placeIn } from './new-root.ts'

/** The GRUB that a root file system brings: Debian and SUSE call it so, Fedora and its kin with a 2. */
export interface Grub {
  readonly install: string
  readonly mkconfig: string
  /** Below /boot. */
  readonly directory: string
  /** Fedora's refuses UEFI without it, because what it installs is not signed. */
  readonly force: boolean
}

export const GRUBS: readonly Grub[] = [
  { install: 'grub-install', mkconfig: 'grub-mkconfig', directory: 'grub', force: false },
  { install: 'grub2-install', mkconfig: 'grub2-mkconfig', directory: 'grub2', force: true },
]

/** Where distributions keep them. */
const DIRECTORIES = ['usr/sbin', 'usr/bin', 'sbin']

export async function findGrub(root: string): Promise<Grub | undefined> {
  for (const grub of GRUBS) {
    for (const directory of DIRECTORIES) {
      if (await isPresent(join(root, directory, grub.install))) return grub
    }
  }
  return undefined
}

const BEGIN = '# Begin of what the recipe wants (provisioner)'
const END = '# End of what the recipe wants (provisioner)'

/**
 * A settings file of grub-mkconfig with the recipe's kernel arguments after whatever the image says. It is a shell file; the schema
 * allows no character that means something to a shell. Repeating replaces the block.
 */
export function grubSettings(present: string, kernelArguments: readonly string[]): string {
  const begin = present.indexOf(BEGIN)
  const end = present.indexOf(END)
  const own = begin === -1 || end < begin ? present : present.slice(0, begin) + present.slice(end + END.length + 1)
  const separator = own === '' || own.endsWith('\n') ? '' : '\n'
  const words = kernelArguments.join(' ')
  const lines = [
    // Ubuntu's images for clouds have the root of their own there (40-force-partuuid.cfg).
    'GRUB_FORCE_PARTUUID=',
    `GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX ${words}"`,
    // 10_linux says these after those, and the last one wins.
    `GRUB_CMDLINE_LINUX_DEFAULT="\${GRUB_CMDLINE_LINUX_DEFAULT:+$GRUB_CMDLINE_LINUX_DEFAULT ${words}}"`,
  ]
  const wanted = words === '' ? lines.slice(0, 1) : lines
  return [`${own}${separator}${BEGIN}`, ...wanted, END, ''].join('\n')
}

/** The file that grub-mkconfig, a shell script, reads last: Debian's and its kin read drop-ins after `/etc/default/grub`. */
export async function writeGrubSettings(root: string, grub: Grub, kernelArguments: readonly string[]): Promise<void> {
  const scripts = DIRECTORIES.map((directory) => readFile(join(root, directory, grub.mkconfig), 'utf8').catch(() => ''))
  const hasDropIns = (await Promise.all(scripts)).some((script) => script.includes('/default/grub.d/'))
  const path = await placeIn(root, hasDropIns ? 'etc/default/grub.d/zz-provisioner.cfg' : 'etc/default/grub')
  const present = await readFile(path, 'utf8').catch(() => '')
  await writeFile(path, grubSettings(present, kernelArguments))
}

/** What the new system's own programs need to see. */
export function planBinds(root: string): readonly Command[] {
  return [
    // A slave: unmounting it recursively must not reach the /dev it was taken from (mount_namespaces(7)).
    { argv: ['mount', '--rbind', '--make-rslave', '/dev', join(root, 'dev')] },
    { argv: ['mount', '-t', 'proc', 'proc', join(root, 'proc')] },
    { argv: ['mount', '-t', 'sysfs', 'sysfs', join(root, 'sys')] },
    { argv: ['mount', '-t', 'tmpfs', 'tmpfs', join(root, 'run')] },
  ]
}

/** Makes the menu anew, whatever the entries of the image were told. */
const UPDATE_ENTRIES = '--update-bls-cmdline'

/** What the system's own grub-mkconfig must be told, by its `--help`: Fedora's leaves the entries of the image alone without it. */
export function menuOptions(help: string): string[] {
  return help.includes(UPDATE_ENTRIES) ? [UPDATE_ENTRIES] : []
}

/**
 * GRUB at the removable path (`EFI/BOOT/BOOTX64.EFI`, UEFI 2.10 3.5.1.1), which firmware finds without any entry, and its
 * configuration. grub-install writes no NVRAM: our own efibootmgr does, for every distribution alike.
 */
export function planGrub(
  root: string,
  grub: Grub,
  efiDirectory: string,
  machine: string,
  options: readonly string[],
): readonly Command[] {
  const chroot = ['chroot', root] as const
  return [
    {
      argv: [
        ...chroot,
        grub.install,
        `--target=${machine === 'arm64' ? 'arm64-efi' : 'x86_64-efi'}`,
        `--efi-directory=${efiDirectory}`,
        '--removable',
        '--no-nvram',
        ...(grub.force ? ['--force'] : []),
      ],
    },
    { argv: [...chroot, grub.mkconfig, '-o', `/boot/${grub.directory}/grub.cfg`, ...options] },
  ]
}
