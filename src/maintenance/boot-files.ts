import { AppError } from '../shared/errors.ts'
import type { Inode, RootTree } from './root-tree.ts'

/** What of an image starts it. */
export interface BootFiles {
  /** As `uname -r`. */
  readonly release: string
  readonly kernel: Inode
  readonly initramfs: Inode
  readonly osRelease: Inode | undefined
  readonly loader: Loader
}

/** A unified kernel image of ours, or the signed programs that the image brings for Secure Boot. */
export type Loader =
  | { readonly kind: 'uki'; readonly stub: Inode }
  | { readonly kind: 'grub'; readonly shim: Inode; readonly grub: Inode; readonly mokManager: Inode | undefined }

export type LoaderChoice = 'auto' | 'uki' | 'grub'

const MODULES = 'usr/lib/modules'

/** systemd-boot-unsigned of Fedora, systemd-boot-efi of Debian. */
const STUB = 'usr/lib/systemd/boot/efi/linuxx64.efi.stub'

/**
 * Where distributions keep shim, GRUB for removable media, and the key manager; `*` is one directory. A GRUB for hard
 * disks (`grubx64.efi`) looks for its configuration elsewhere and does not do.
 */
const SHIM = [
  'usr/lib/efi/shim/*/EFI/*/shimx64.efi',
  'usr/lib/bootupd/updates/EFI/*/shimx64.efi',
  'boot/efi/EFI/*/shimx64.efi',
  'usr/lib/shim/shimx64.efi.signed',
]
const GRUB = [
  'usr/lib/efi/grub2/*/EFI/*/gcdx64.efi',
  'boot/efi/EFI/*/gcdx64.efi',
  'usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed',
]
const MOK_MANAGER = [
  'usr/lib/efi/shim/*/EFI/*/mmx64.efi',
  'usr/lib/bootupd/updates/EFI/*/mmx64.efi',
  'boot/efi/EFI/*/mmx64.efi',
  'usr/lib/shim/mmx64.efi.signed',
]

/**
 * Kernel and initramfs where bootc images keep them, `/usr/lib/modules/RELEASE/{vmlinuz,initramfs.img}`, and what loads
 * them. `auto` takes the image's own signed loader when it has one, or Secure Boot would refuse the medium.
 * @throws `boot-image` naming what is missing
 */
export function findBootFiles(tree: RootTree, name: string, choice: LoaderChoice): BootFiles {
  const releases = tree.list(MODULES).filter((release) => tree.find(`${MODULES}/${release}/vmlinuz`) !== undefined)
  const [release] = releases
  if (release === undefined || releases.length > 1) {
    const state = release === undefined ? `there is no /${MODULES}/*/vmlinuz` : `it has kernels ${releases.join(', ')}`
    throw new AppError('boot-image', `Cannot find the kernel of ${name}: ${state}`)
  }
  const kernel = must(tree, `${MODULES}/${release}/vmlinuz`, name)
  const initramfs = must(tree, `${MODULES}/${release}/initramfs.img`, name)
  const osRelease = tree.find('usr/lib/os-release')
  return { release, kernel, initramfs, osRelease, loader: loaderOf(tree, name, choice) }
}

function loaderOf(tree: RootTree, name: string, choice: LoaderChoice): Loader {
  const shim = firstOf(tree, SHIM)
  const grub = firstOf(tree, GRUB)
  const stub = tree.find(STUB)
  if (choice !== 'uki' && shim !== undefined && grub !== undefined) {
    return { kind: 'grub', shim, grub, mokManager: firstOf(tree, MOK_MANAGER) }
  }
  if (choice !== 'grub' && stub !== undefined) return { kind: 'uki', stub }
  const wanted = {
    grub: `neither shim and GRUB for removable media (${[...SHIM, ...GRUB].join(', ')})`,
    uki: `no boot stub (/${STUB}, of systemd-boot)`,
  }
  const state = choice === 'auto' ? `it has ${wanted.grub} nor ${wanted.uki.slice(3)}` : `it has ${wanted[choice]}`
  throw new AppError('boot-image', `Cannot make ${name} bootable: ${state}`)
}

function must(tree: RootTree, path: string, name: string): Inode {
  const inode = tree.find(path)
  if (inode?.header.type === 'file') return inode
  throw new AppError('boot-image', `Cannot make ${name} bootable: it has no file /${path}`)
}

function firstOf(tree: RootTree, patterns: readonly string[]): Inode | undefined {
  for (const pattern of patterns) {
    for (const path of matches(tree, '', pattern.split('/'))) {
      const inode = tree.find(path)
      if (inode?.header.type === 'file') return inode
    }
  }
  return undefined
}

function* matches(tree: RootTree, base: string, [name, ...rest]: readonly string[]): Generator<string> {
  if (name === undefined) return yield base
  const names = name === '*' ? tree.list(base) : [name]
  for (const each of names) yield* matches(tree, base === '' ? each : `${base}/${each}`, rest)
}
