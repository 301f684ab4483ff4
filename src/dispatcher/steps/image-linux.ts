import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { contentDigest } from '../../oci/content-digest.ts'
import type { Descriptor } from '../../oci/manifest.ts'
import { chooseRootfs } from '../../oci/manifest.ts'
import { formatBytes } from '../../shared/byte-size.ts'
import { decompressed } from '../../shared/decompress.ts'
import { AppError } from '../../shared/errors.ts'
import type { Command, Programs } from '../../shared/exec.ts'
import { type Intake, takeIn } from '../imaging/intake.ts'
import { startMeter } from '../imaging/meter.ts'
import { writtenBehind } from '../imaging/written-behind.ts'
import type { OpenedArtifact } from './artifact.ts'
import { artifactFacts, erasedPolicy, openArtifact } from './artifact.ts'
import { placeFiles } from './files.ts'
import { layoutDisk } from './layout.ts'
import { NEW_ROOT, planMounts, planSync, withMounts } from './mounts.ts'
import { findPreparedDisk } from './prepared-disk.ts'
import type { Step, StepContext } from './step.ts'

/** Unpacks the root file system of the recipe onto the partitions: registry, digest, decompression and tar in one pass. */
export const imageLinux: Step = {
  name: 'image-linux',
  prefix: 'imager',
  async run(context) {
    const { recipe, programs, say, signal } = context
    const opened = await openArtifact(context, erasedPolicy(context))
    const layer = chooseRootfs(opened.artifact.layers)
    say(`installing ${recipe.oci_url} (${opened.artifact.digest}): ${layer.digest}, ${formatBytes(layer.size)}`)

    // Here and not first: the registry may have taken minutes, and what has the disk's name by now is emptied.
    const disk = await findPreparedDisk(context)
    const mounts = planMounts(disk, layoutDisk(recipe, disk.bytes), NEW_ROOT)
    await withMounts(mounts, NEW_ROOT, programs, signal, async () => {
      const directories = mounts.map(({ directory }) => directory)
      await programs.run(planEmpty(directories), signal)
      await unpack(directories, opened, layer, context)
      await checkRoot(NEW_ROOT)
      await placeFiles(NEW_ROOT, recipe.files ?? [])
    })
    return { ...artifactFacts(recipe, opened), layer: layer.digest, bytes: layer.size }
  },
}

/** In blocks of 512 bytes: how much tar asks for at once, instead of 10 KiB. */
const BLOCKING = '--blocking-factor=512'

/** Owners by number, modes, times, extended attributes (capabilities, SELinux labels) and ACLs as they are in the archive. */
export function planUnpack(root: string): Command {
  const attributes = ['--xattrs', '--xattrs-include=*', '--acls', '--numeric-owner', '--preserve-permissions']
  return { argv: ['tar', '--extract', '--file=-', BLOCKING, ...attributes, '--directory', root] }
}

/**
 * Nothing but directories may be left of an earlier try. tar makes links that lead out of the root last, so that nothing is
 * written through them; links that are there already it would follow. Other file systems are not entered.
 */
export function planEmpty(directories: readonly string[]): Command {
  return { argv: ['find', ...(directories as [string]), '-xdev', '-mindepth', '1', '!', '-type', 'd', '-delete'] }
}

async function unpack(
  directories: readonly string[],
  opened: OpenedArtifact,
  layer: Descriptor,
  context: StepContext,
): Promise<void> {
  const { programs, progress, say, signal } = context
  const { repository, artifact } = opened
  const content = await contentDigest(repository, artifact, layer, signal, erasedPolicy(context).blob)
  const meter = startMeter('unpacking', layer.size, context)
  using intake = takeIn(repository, layer, content, meter, signal)
  await unpackInto(directories, intake, programs, signal)
  progress.message('unpacked')
  say(meter.summary())
}

/**
 * What tar has written counts for nothing before every byte of the archive was right.
 * @param directories where file systems are mounted, the root first
 * @throws `digest-mismatch`, `program-failed`
 */
export async function unpackInto(
  directories: readonly string[],
  intake: Pick<Intake, 'stored' | 'content' | 'assertComplete'>,
  programs: Programs,
  signal: AbortSignal,
): Promise<void> {
  const [root = NEW_ROOT] = directories
  const archive = intake.content(decompressed(intake.stored))
  const sync = (stop: AbortSignal) => programs.run(planSync(directories), AbortSignal.any([signal, stop]))
  await programs.feed(planUnpack(root), writtenBehind(archive, sync), signal)
  intake.assertComplete()
}

/** An archive of something else unpacks as well; without this the boot loader step would be blamed. */
async function checkRoot(root: string): Promise<void> {
  const present = await Promise.all(['etc', 'usr'].map((name) => lstat(join(root, name)).catch(() => undefined)))
  if (present.every((found) => found?.isDirectory())) return
  throw new AppError(
    'step-failed',
    'Cannot use the artifact: its archive has no /etc and /usr, so it is no root file system',
  )
}
