import { contentDigest } from '../../oci/content-digest.ts'
import { chooseDiskLayer } from '../../oci/disk-layer.ts'
import { formatBytes } from '../../shared/byte-size.ts'
import { isPresent } from '../../shared/files.ts'
import { openDiskImage } from '../imaging/disk-image.ts'
import { takeIn } from '../imaging/intake.ts'
import { startMeter } from '../imaging/meter.ts'
import type { TableFacts } from '../imaging/partition-table.ts'
import { spoolMemory } from '../imaging/spool.ts'
import { writeImage } from '../imaging/write-image.ts'
import { artifactFacts, openArtifact } from './artifact.ts'
import type { Disk } from './disk.ts'
import { findDisk } from './disk.ts'
import { checkFits, checkTable } from './image-checks.ts'
import { claimDisk, planErase } from './interlock.ts'
import { bindImage } from './late-binding.ts'
import { FIRMWARE } from './nvram.ts'
import { identityOf } from './prepared-disk.ts'
import type { Step, StepContext } from './step.ts'

/**
 * Writes a whole-disk image: registry, digest, decompression and disk in one pass. Nothing is erased before the artifact, its
 * signature, its format and its size are known to be right.
 */
export const imageDisk: Step = {
  name: 'image-disk',
  prefix: 'imager',
  async run(context) {
    const { recipe, paths, programs, progress, say, signal } = context
    const disk = await findDisk(context)
    const opened = await openArtifact(context)
    const { repository, artifact } = opened
    const layer = chooseDiskLayer(artifact)
    const content = await contentDigest(repository, artifact, layer, signal)
    const meter = startMeter('reading', layer.size, context)
    using intake = takeIn(repository, layer, content, meter, signal)
    const image = await openDiskImage(intake, layer.size)
    const place = { disk, recipe, uefi: await isPresent(FIRMWARE) }
    checkFits(image, place)
    say(`writing ${recipe.oci_url} (${artifact.digest}): ${layer.digest}, ${formatBytes(layer.size)}, ${image.format}`)

    const old = await claimDisk(disk, context)
    for (const command of planErase(disk, old)) await programs.run(command, signal)
    const target = { path: disk.path, bytes: disk.bytes, zeroOut: zeroOut(disk, context) }
    const forget =
      recipe.verify?.read_back === true
        ? () => programs.run({ argv: ['blockdev', '--flushbufs', disk.path] }, signal)
        : undefined
    const memory = await spoolMemory(paths.root)
    meter.restart('writing')
    const request = {
      ...{ image, intake, disk: target, memory, forget },
      startMeter: (what: string, total: number) => startMeter(what, total, context),
      checkTable: (table: TableFacts) => checkTable(table, place),
    }
    const { bytes, zeroedBytes, digest } = await writeImage(request, signal)
    say(
      `${meter.summary()}; the image has ${formatBytes(bytes)}${digest === undefined ? '' : `, read back as ${digest}`}`,
    )

    progress.message('fitting the image to the disk')
    const bound = await bindImage(disk, bytes, context)
    return {
      ...artifactFacts(recipe, opened),
      layer: layer.digest,
      format: image.format,
      bytes,
      zeroed_bytes: zeroedBytes,
      ...(digest !== undefined && { read_back: digest }),
      disk: identityOf(disk),
      ...bound,
    }
  },
}

/** The device does it itself where it can, and the kernel where not; `--force`, because the step holds the disk. */
function zeroOut(disk: Disk, { programs, signal }: StepContext) {
  return (offset: number, length: number) => {
    const place = ['--offset', String(offset), '--length', String(length)]
    return programs.run({ argv: ['blkdiscard', '--force', '--zeroout', ...place, disk.path] }, signal)
  }
}
