import { join } from 'node:path'
import type { Command } from '../../shared/exec.ts'

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

const BEGIN = '# Begin of the kernel_arguments of the recipe (provisioner)'
const END = '# End of the kernel_arguments of the recipe (provisioner)'

/**
 * `/etc/default/grub` with the recipe's kernel arguments after whatever the image says. It is a shell file, read by
 * grub-mkconfig; the schema allows no character that means something to a shell. Repeating replaces the block.
 */
export function grubDefaults(present: string, kernelArguments: readonly string[]): string {
  const begin = present.indexOf(BEGIN)
  const end = present.indexOf(END)
  const own = begin === -1 || end < begin ? present : present.slice(0, begin) + present.slice(end + END.length + 1)
  if (kernelArguments.length === 0) return own
  const separator = own === '' || own.endsWith('\n') ? '' : '\n'
  const line = `GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX ${kernelArguments.join(' ')}"`
  return `${own}${separator}${BEGIN}\n${line}\n${END}\n`
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
