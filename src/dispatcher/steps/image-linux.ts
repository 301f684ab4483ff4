import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { streamBlob } from '../../oci/blob.ts'
import type { Descriptor } from '../../oci/manifest.ts'
import { chooseRootfs } from '../../oci/manifest.ts'
import { resolveArtifact } from '../../oci/pull.ts'
import type { Repository } from '../../oci/registry.ts'
import { openRepository } from '../../oci/registry.ts'
import { formatBytes } from '../../shared/byte-size.ts'
import { AppError } from '../../shared/errors.ts'
import { parseOciReference } from '../../shared/oci-reference.ts'
import type { Command } from '../exec.ts'
import { accessFor, architecture } from './artifact.ts'
import { contentStreams } from './decompress.ts'
import { layoutDisk } from './layout.ts'
import { NEW_ROOT, planMounts, withMounts } from './mounts.ts'
import { findPreparedDisk } from './prepared-disk.ts'
import type { Step, StepContext } from './step.ts'

/** Unpacks the root file system of the recipe onto the partitions: registry, digest, decompression and tar in one pass. */
export const imageLinux: Step = {
  name: 'image-linux',
  prefix: 'imager',
  async run(context) {
    const { recipe, job, programs, say, signal } = context
    const disk = await findPreparedDisk(context)
    const mounts = planMounts(disk, layoutDisk(recipe, disk.bytes), NEW_ROOT)
    const reference = parseOciReference(recipe.oci_url ?? '')
    const repository = openRepository(reference, accessFor(reference, job))
    const artifact = await resolveArtifact(repository, architecture(), recipe.verify?.digest, signal)
    const layer = chooseRootfs(artifact.layers)
    say(`installing ${recipe.oci_url} (${artifact.digest}): ${layer.digest}, ${formatBytes(layer.size)}`)

    const started = performance.now()
    await withMounts(mounts, NEW_ROOT, programs, signal, async () => {
      const directories = mounts.map(({ directory }) => directory)
      await programs.run(planEmpty(directories), signal)
      await unpack(repository, layer, context)
      await checkRoot(NEW_ROOT)
      await programs.run({ argv: ['sync', '--file-system', NEW_ROOT] }, signal)
    })
    const seconds = (performance.now() - started) / 1000
    say(`${formatBytes(layer.size)} in ${seconds.toFixed(1)} s, ${formatBytes(layer.size / seconds)}/s`)
    return { oci_url: recipe.oci_url, manifest: artifact.digest, layer: layer.digest, bytes: layer.size }
  },
}

/** Owners by number, modes, times, extended attributes (capabilities, SELinux labels) and ACLs as they are in the archive. */
export function planUnpack(root: string): Command {
  const attributes = ['--xattrs', '--xattrs-include=*', '--acls', '--numeric-owner', '--preserve-permissions']
  return { argv: ['tar', '--extract', '--file=-', ...attributes, '--directory', root] }
}

/**
 * Nothing but directories may be left of an earlier try. tar makes links that lead out of the root last, so that nothing is
 * written through them; links that are there already it would follow. Other file systems are not entered.
 */
export function planEmpty(directories: readonly string[]): Command {
  return { argv: ['find', ...(directories as [string]), '-xdev', '-mindepth', '1', '!', '-type', 'd', '-delete'] }
}

async function unpack(repository: Repository, layer: Descriptor, context: StepContext): Promise<void> {
  const { programs, progress, signal } = context
  const blob = counted(streamBlob(repository, layer, signal), layer.size, progress.bytes)
  await programs.feed(planUnpack(NEW_ROOT), await contentStreams(blob), signal)
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  total: number,
  report: (done: number, total: number) => void,
): AsyncGenerator<Uint8Array> {
  let done = 0
  for await (const chunk of source) {
    done += chunk.length
    report(done, total)
    yield chunk
  }
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
