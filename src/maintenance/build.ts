import { mkdtemp, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { unreadFile } from '../isobuilder/draft.ts'
import { createIso } from '../isobuilder/image-file.ts'
import type { IsoPlan } from '../isobuilder/plan.ts'
import { fileSourceOf } from '../isobuilder/source.ts'
import type { BootFiles, LoaderChoice } from './boot-files.ts'
import { findBootFiles } from './boot-files.ts'
import type { BootSources } from './boot-partition.ts'
import { bootMedium } from './boot-partition.ts'
import { boundQuadlets, imagesOf } from './bound-images.ts'
import { refuseInstaller } from './installer.ts'
import type { FileSystem } from './root-file-system.ts'
import { makeFileSystem } from './root-file-system.ts'
import type { RootImage } from './root-image.ts'
import { rootTar } from './root-image.ts'
import type { Inode } from './root-tree.ts'

export interface BuildOptions {
  readonly output: string
  /** Volume id; the initramfs finds the medium by it. */
  readonly label: string
  readonly fileSystem: FileSystem
  readonly loader: LoaderChoice
  /** Kernel arguments behind those that find the root. */
  readonly append: string
  /** The container image in its store; of all others that it lists is said that they are not in the medium. */
  readonly embedded: string | undefined
  /** `PATH`, for the program that makes the file system. */
  readonly path: string
  readonly say: (line: string) => void
}

/**
 * Where dracut's dmsquash-live looks, whichever of the two file systems it is; under this name it uses overlayfs and not
 * device-mapper snapshots (dmsquash-live-root.sh).
 */
const ROOT_IMAGE = 'LiveOS/squashfs.img'

/**
 * Kernel arguments that make dracut boot the medium as it is: a live system, nothing is installed, and no array, volume group or
 * mapping of the server is started (dracut.cmdline(7)), no partition of its disks used as the system's own
 * (systemd-gpt-auto-generator(8)). SELinux is off: the layers of an image carry no labels, and Fedora would
 * enforce its policy on files that have none. What is appended comes last, so it wins.
 */
export function commandLine(label: string, append: string): string {
  const root = `root=live:CDLABEL=${label} rd.live.image rd.live.overlay.overlayfs=1`
  const live = `${root} rd.md=0 rd.lvm=0 rd.dm=0 systemd.gpt_auto=no selinux=0`
  return append === '' ? live : `${live} ${append}`
}

/**
 * Writes a bootable maintenance medium: the image as a read-only file system, its kernel and initramfs, and what firmware
 * starts, from CD and from USB disk. Needs no root rights and no network; equal images give equal bytes.
 * @throws `boot-image`, `program-failed`, `iso-plan`
 */
export async function buildMedium(image: RootImage, options: BuildOptions, signal: AbortSignal): Promise<IsoPlan> {
  refuseInstaller(image.tree, image.name)
  const files = findBootFiles(image.tree, image.name, options.loader)
  // Beside the output: as much room is needed there anyway.
  const work = await mkdtemp(join(dirname(resolve(options.output)), '.maintenance-'))
  try {
    const root = join(work, 'root.img')
    const quadlets = boundQuadlets(image.tree)
    const saved = [...wanted(files), ...quadlets]
    const save = new Map(saved.map((inode, index) => [inode, join(work, `saved-${index}`)]))
    options.say(`kernel ${files.release}, ${options.fileSystem}, ${files.loader.kind}`)
    await makeFileSystem(rootTar(image, save, signal), root, options, signal)
    const { label, append, output, embedded } = options
    const bound = await imagesOf(quadlets.flatMap((inode) => save.get(inode) ?? []))
    for (const name of bound)
      if (name !== embedded)
        options.say(`${name} is not embedded: it is pulled when it is needed and not in the image already`)
    const boot = await sourcesOf(files, save, signal)
    const medium = await bootMedium(boot, { label, commandLine: commandLine(label, append) }, signal)
    const entries = [{ path: ROOT_IMAGE, unread: unreadFile(root) }, ...medium.entries]
    return await createIso(entries, { label, boot: { esp: medium.esp } }, output, signal)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

function wanted({ kernel, initramfs, osRelease, loader }: BootFiles): Inode[] {
  const own = loader.kind === 'uki' ? [loader.stub] : [loader.shim, loader.grub, loader.mokManager]
  return [kernel, initramfs, osRelease, ...own].filter((inode) => inode !== undefined)
}

async function sourcesOf(
  { release, kernel, initramfs, osRelease, loader }: BootFiles,
  saved: ReadonlyMap<Inode, string>,
  signal: AbortSignal,
): Promise<BootSources> {
  const source = (inode: Inode) => fileSourceOf(saved.get(inode) ?? '', signal)
  const text = osRelease === undefined ? undefined : await source(osRelease)
  const common = {
    release,
    kernel: await source(kernel),
    initramfs: await source(initramfs),
    osRelease: text === undefined ? 'ID=linux\n' : Buffer.from(await text.read(0, text.size, signal)).toString(),
  }
  if (loader.kind === 'uki') return { ...common, loader: { kind: 'uki', stub: await source(loader.stub) } }
  const mokManager = loader.mokManager && (await source(loader.mokManager))
  const programs = { shim: await source(loader.shim), grub: await source(loader.grub), mokManager }
  return { ...common, loader: { kind: 'grub', ...programs } }
}
