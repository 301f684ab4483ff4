import { planFat } from '../isobuilder/fat/plan.ts'
import { segmentsSource } from '../isobuilder/segments.ts'
import type { Source } from '../isobuilder/source.ts'
import { bytesSource } from '../isobuilder/source.ts'
import type { Entry } from '../isobuilder/tree.ts'
import { planUki } from '../isobuilder/uki.ts'
import { AppError } from '../shared/errors.ts'

/** The files that start the system, taken out of its image. */
export interface BootSources {
  readonly release: string
  readonly kernel: Source
  readonly initramfs: Source
  readonly osRelease: string
  readonly loader:
    | { readonly kind: 'uki'; readonly stub: Source }
    | { readonly kind: 'grub'; readonly shim: Source; readonly grub: Source; readonly mokManager: Source | undefined }
}

/** What goes where on the medium. */
export interface BootMedium {
  readonly esp: Source
  /** Files that the loader reads from the volume. */
  readonly entries: readonly Entry[]
}

/** The program that firmware starts from removable media of a 64-bit PC (UEFI 2.10 section 3.5.1.1). */
const REMOVABLE = 'EFI/BOOT/BOOTX64.EFI'

const KERNEL = 'images/pxeboot/vmlinuz'
const INITRD = 'images/pxeboot/initrd.img'

/** @throws `boot-image` */
export async function bootMedium(
  sources: BootSources,
  options: { readonly label: string; readonly commandLine: string },
  signal: AbortSignal,
): Promise<BootMedium> {
  const { loader } = sources
  if (loader.kind === 'uki') {
    const uki = await planUki(
      {
        stub: await loader.stub.read(0, loader.stub.size, signal),
        linux: sources.kernel,
        initrd: sources.initramfs,
        commandLine: options.commandLine,
        release: sources.release,
        osRelease: sources.osRelease,
      },
      signal,
    )
    const program = { path: REMOVABLE, source: await segmentsSource(uki, signal) }
    return { esp: await partition([program], signal), entries: [] }
  }
  const config = bytesSource(Buffer.from(grubConfig(options.label, options.commandLine)))
  const programs: Entry[] = [
    { path: REMOVABLE, source: loader.shim },
    { path: 'EFI/BOOT/grubx64.efi', source: loader.grub },
    ...(loader.mokManager === undefined ? [] : [{ path: 'EFI/BOOT/mmx64.efi', source: loader.mokManager }]),
  ]
  // Fedora's GRUB for removable media reads /EFI/BOOT/grub.cfg, Debian's /boot/grub/grub.cfg, of where it came from.
  const configs = ['EFI/BOOT/grub.cfg', 'boot/grub/grub.cfg'].map((path): Entry => ({ path, source: config }))
  // Kernel and initramfs lie on the volume: some firmware starts no boot partition above 32 MiB.
  const entries: Entry[] = [
    { path: KERNEL, source: sources.kernel },
    { path: INITRD, source: sources.initramfs },
    ...configs,
  ]
  return { esp: await partition([...programs, ...configs], signal), entries }
}

async function partition(entries: readonly Entry[], signal: AbortSignal): Promise<Source> {
  const result = planFat(entries, { label: 'ESP' })
  if (result.ok) return segmentsSource(result.image, signal)
  throw new AppError('boot-image', 'Cannot make the boot partition', { problems: result.problems })
}

function grubConfig(label: string, commandLine: string): string {
  return [
    'set default=0',
    'set timeout=1',
    `search --no-floppy --set=root --label ${label}`,
    'menuentry "Maintenance" {',
    `  linux /${KERNEL} ${commandLine}`,
    `  initrd /${INITRD}`,
    '}',
    '',
  ].join('\n')
}
