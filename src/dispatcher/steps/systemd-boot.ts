import { copyFile, mkdir, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError } from '../../shared/errors.ts'
import { placeIn } from './new-root.ts'
import { removableLoader } from './nvram.ts'

/** A kernel of the new system and its initramfs, as paths below the root. */
export interface InstalledKernel {
  readonly version: string
  readonly kernel: string
  readonly initramfs: string
}

/** A file on the EFI system partition: its text, or the path below the root that it is a copy of. */
export interface EspFile {
  readonly path: string
  readonly text?: string
  readonly copyOf?: string
}

/** systemd's boot program as distributions package it (bootctl(1)). */
export function bootProgram(machine: string): string {
  return `usr/lib/systemd/boot/efi/systemd-boot${machine === 'arm64' ? 'aa64' : 'x64'}.efi`
}

/** Where kernels and their initramfs lie: kernel-install's place, and those of Debian and of Fedora. */
const KERNELS = [
  (version: string) => `usr/lib/modules/${version}/vmlinuz`,
  (version: string) => `boot/vmlinuz-${version}`,
]
const INITRAMFS = [
  (version: string) => `boot/initrd.img-${version}`,
  (version: string) => `boot/initramfs-${version}.img`,
  (version: string) => `usr/lib/modules/${version}/initrd`,
  (version: string) => `usr/lib/modules/${version}/initramfs.img`,
]

/** Every kernel that has its modules. @throws `step-failed` when there is none, or one cannot be started */
async function findKernels(root: string): Promise<InstalledKernel[]> {
  const versions = await readdir(join(root, 'usr/lib/modules')).catch(() => [])
  const kernels: InstalledKernel[] = []
  for (const version of versions.sort()) {
    const kernel = await firstOf(root, KERNELS, version)
    if (kernel === undefined) continue
    const initramfs = await firstOf(root, INITRAMFS, version)
    if (initramfs === undefined) {
      throw new AppError('step-failed', `Cannot make the system boot: kernel ${version} has no initramfs`)
    }
    kernels.push({ version, kernel, initramfs })
  }
  if (kernels.length > 0) return kernels
  throw new AppError('step-failed', 'Cannot make the system boot: it has systemd-boot and no kernel')
}

/**
 * What systemd-boot needs on the ESP: itself at the removable path and at its own, and an entry of type 1 with copies of
 * kernel and initramfs for each kernel (Boot Loader Specification, "Type #1"; systemd-boot(7)).
 */
function planSystemdBoot(
  kernels: readonly InstalledKernel[],
  { token, title, commandLine, machine }: { token: string; title: string; commandLine: string; machine: string },
): EspFile[] {
  const program = bootProgram(machine)
  const own = `EFI/systemd/${program.split('/').at(-1)}`
  return [
    { path: removableLoader(machine), copyOf: program },
    { path: own, copyOf: program },
    { path: 'loader/loader.conf', text: `timeout 3\ndefault ${token}-*\n` },
    ...kernels.flatMap(({ version, kernel, initramfs }): EspFile[] => {
      const directory = `${token}/${version}`
      const lines = [
        `title ${title}`,
        `version ${version}`,
        `linux /${directory}/linux`,
        `initrd /${directory}/initrd`,
        `options ${commandLine}`,
      ]
      return [
        { path: `${directory}/linux`, copyOf: kernel },
        { path: `${directory}/initrd`, copyOf: initramfs },
        { path: `loader/entries/${token}-${version}.conf`, text: `${lines.join('\n')}\n` },
      ]
    }),
  ]
}

/** Name of the system on the ESP, as kernel-install(8) would choose it, and its title in the menu. */
export function namesOf(osRelease: string, entryToken: string | undefined): { token: string; title: string } {
  const value = (key: string) => new RegExp(`^${key}=["']?([^"'\n]*)["']?$`, 'm').exec(osRelease)?.[1]
  const token = [entryToken?.trim(), value('ID')].find(
    (name) => name !== undefined && /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name),
  )
  return { token: token ?? 'linux', title: value('PRETTY_NAME') ?? 'Linux' }
}

/**
 * Puts systemd-boot, its entries, and what the new system's own kernel-install goes by into the new system. Repeating it
 * leaves no entry of an earlier try.
 */
export async function installSystemdBoot(
  root: string,
  efiDirectory: string,
  rootUuid: string,
  kernelArguments: readonly string[],
  machine: string,
): Promise<string[]> {
  const kernels = await findKernels(root)
  const read = (path: string) => readFile(join(root, path), 'utf8').catch(() => undefined)
  const release = (await read('etc/os-release')) ?? (await read('usr/lib/os-release')) ?? ''
  const { token, title } = namesOf(release, await read('etc/kernel/entry-token'))
  const commandLine = [`root=UUID=${rootUuid}`, 'rw', ...kernelArguments].join(' ')
  await writeFile(await placeIn(root, 'etc/kernel/cmdline'), `${commandLine}\n`)
  await writeFile(await placeIn(root, 'etc/kernel/entry-token'), `${token}\n`)

  const esp = join(root, efiDirectory)
  await rm(join(esp, 'loader/entries'), { recursive: true, force: true })
  for (const { path, text, copyOf } of planSystemdBoot(kernels, { token, title, commandLine, machine })) {
    await mkdir(dirname(join(esp, path)), { recursive: true })
    if (copyOf === undefined) await writeFile(join(esp, path), text ?? '')
    else await copyFile(join(root, copyOf), join(esp, path))
  }
  return kernels.map(({ version }) => version)
}

async function firstOf(root: string, places: readonly ((version: string) => string)[], version: string) {
  const inside = await realpath(root)
  for (const place of places) {
    const path = place(version)
    // A link that leads out of the root leads to a kernel of the maintenance OS.
    const real = await realpath(join(root, path)).catch(() => '')
    if (real.startsWith(`${inside}/`)) return path
  }
  return undefined
}
