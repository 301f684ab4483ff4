import { readdir, readFile, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../shared/errors.ts'
import { placeIn } from './new-root.ts'

/** A kernel that the menu starts. Paths are of the file system that has /boot. */
export interface MenuKernel {
  readonly kernel: string
  readonly initramfs: readonly string[]
  /** Its arguments. */
  readonly options: string
}

/** By what a kernel may be told the root; undefined is not known. */
export type RootNames = Readonly<Record<'UUID' | 'PARTUUID' | 'LABEL', string | undefined>>

/** Entries of their own (Boot Loader Specification, "Type #1"): Fedora and its kin, by the command `blscfg`. */
const ENTRIES = 'boot/loader/entries'

/** The kernels of a grub.cfg: each with the initramfs that is named after it. */
export function kernelsOfConfig(config: string): MenuKernel[] {
  const kernels: { kernel: string; initramfs: string[]; options: string }[] = []
  for (const line of config.split('\n')) {
    // GRUB manual, "linux" and "initrd"; distributions have variants for UEFI, some by way of a variable.
    const [, command, words = ''] = /^\s*\$?\{?(linux|initrd)(?:efi|16)?\}?\s+(.*)$/.exec(line) ?? []
    if (command === 'linux') kernels.push({ kernel: pathsOf(words)[0] ?? '', initramfs: [], options: words })
    else if (command === 'initrd') kernels.at(-1)?.initramfs.push(...pathsOf(words))
  }
  return kernels
}

/** The kernel of one entry; undefined when it is for something else. */
function kernelOfEntry(text: string): MenuKernel | undefined {
  const values = (key: string) =>
    [...text.matchAll(new RegExp(`^${key}[ \\t]+(.*)$`, 'gm'))].map(([, value = '']) => value)
  const [kernel] = values('linux').flatMap(pathsOf)
  if (kernel === undefined) return undefined
  return { kernel, initramfs: values('initrd').flatMap(pathsOf), options: values('options').join(' ') }
}

/** Words that are paths: no variables, and without the name of the device before them. */
function pathsOf(words: string): string[] {
  return words
    .trim()
    .split(/\s+/)
    .map((word) => word.replace(/^\(\$?[^)]*\)/, ''))
    .filter((word) => word.startsWith('/'))
}

/**
 * grub-mkconfig ends well with an empty menu, and entries may be of the machine that the image was made on: looks for kernels
 * that are there, have an initramfs, and are told this root and the recipe's arguments. What later kernels are told is kept where
 * the system's kernel-install looks for it. Gives the kernels.
 * @throws `step-failed`
 */
export async function checkMenu(
  root: string,
  menu: { directory: string; ownBoot: boolean; rootNames: RootNames; kernelArguments: readonly string[] },
): Promise<string[]> {
  const config = await readFile(join(root, 'boot', menu.directory, 'grub.cfg'), 'utf8').catch(() => '')
  const place = menu.ownBoot ? join(root, 'boot') : root
  const entries = /^\s*blscfg\b/m.test(config) ? await startable(root, place, await readEntries(root)) : []
  const found = entries.length > 0 ? entries : await startable(root, place, kernelsOfConfig(config))
  if (found.length === 0) throw failed('no entry of its boot menu has a kernel and an initramfs that are there')
  const usual = found.filter(({ kernel }) => !isRescue(kernel))
  const started = usual.length > 0 ? usual : found
  // Behind the first one a grub.cfg may have the systems of other disks (os-prober).
  const own = entries.length > 0 ? started : started.slice(0, 1)
  for (const { kernel, options } of own) {
    const other = otherRoot(options, menu.rootNames)
    if (other !== undefined) throw failed(`the entry of ${kernel} starts another root, ${other}`)
    const missing = missingArgument(options, menu.kernelArguments)
    if (missing !== undefined)
      throw failed(`the entry of ${kernel} lacks "${missing}" of the recipe's kernel_arguments`)
  }
  const options = entries.length > 0 ? own.findLast((one) => one.options.includes('root='))?.options : undefined
  if (options !== undefined)
    await writeFile(await placeIn(root, 'etc/kernel/cmdline'), `${withoutVariables(options)}\n`)
  return [...new Set(started.map(({ kernel }) => kernel))]
}

function failed(state: string): AppError {
  return new AppError('step-failed', `Cannot make the system boot: ${state}`)
}

/** Those that are there, and their initramfs with them. */
async function startable(root: string, place: string, kernels: readonly MenuKernel[]): Promise<MenuKernel[]> {
  const found: MenuKernel[] = []
  for (const one of kernels) {
    const files = [one.kernel, ...one.initramfs]
    const present = await Promise.all(files.map((path) => isInside(root, join(place, path))))
    if (one.initramfs.length > 0 && present.every(Boolean)) found.push(one)
  }
  return found
}

/** What the kernel is told as its root when that is surely not ours; of several the last one counts (kernel-command-line(7)). */
function otherRoot(options: string, names: RootNames): string | undefined {
  const told = wordsOf(options).findLast((word) => word.startsWith('root='))
  const [, name, value] = /^root=(UUID|PARTUUID|LABEL)=([^$]+)$/.exec(told ?? '') ?? []
  const ours = names[name as keyof RootNames]
  if (ours === undefined || ours.toLowerCase() === value?.toLowerCase()) return undefined
  return `${name}=${value}`
}

/** Entries of RHEL 8 have them in a variable, which grub-mkconfig has set as it has set everything else. */
function missingArgument(options: string, demanded: readonly string[]): string | undefined {
  if (/\$\{?kernelopts\b/.test(options)) return undefined
  const words = wordsOf(options)
  return demanded.find((word) => !words.includes(word))
}

function wordsOf(options: string): string[] {
  return options.replaceAll(/["']/g, '').trim().split(/\s+/)
}

/** Never started by itself, and left as it was in an image: dracut's 51-dracut-rescue.install makes it once for a machine. */
function isRescue(kernel: string): boolean {
  return /\/vmlinuz-0-rescue/.test(kernel)
}

/** GRUB's variables mean nothing to kernel-install. */
function withoutVariables(options: string): string {
  return options
    .split(/\s+/)
    .filter((word) => !word.startsWith('$'))
    .join(' ')
}

async function readEntries(root: string): Promise<MenuKernel[]> {
  const names = (await readdir(join(root, ENTRIES)).catch(() => [])).filter((name) => name.endsWith('.conf')).sort()
  const texts = await Promise.all(names.map((name) => readFile(join(root, ENTRIES, name), 'utf8')))
  return texts.flatMap((text) => kernelOfEntry(text) ?? [])
}

/** A link that leads out of the root leads to a file of the maintenance OS. */
async function isInside(root: string, path: string): Promise<boolean> {
  return (await realpath(path).catch(() => '')).startsWith(`${await realpath(root)}/`)
}
