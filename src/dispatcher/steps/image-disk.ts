import { contentDigest } from '../../oci/content-digest.ts'
import { chooseDiskLayer } from '../../oci/disk-layer.ts'
import { formatBytes } from '../../shared/byte-size.ts'
import { AppError } from '../../shared/errors.ts'
import type { DiskImage } from '../imaging/disk-image.ts'
import { openDiskImage } from '../imaging/disk-image.ts'
import { takeIn } from '../imaging/intake.ts'
import { startMeter } from '../imaging/meter.ts'
import type { TableFacts } from '../imaging/partition-table.ts'
import { spoolMemory } from '../imaging/spool.ts'
import { writeImage } from '../imaging/write-image.ts'
import { artifactFacts, openArtifact } from './artifact.ts'
import type { Disk } from './disk.ts'
import { describeDisk, findDisk } from './disk.ts'
import { claimDisk, planErase } from './interlock.ts'
import { bindImage } from './late-binding.ts'
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
    const { recipe, paths, programs, say, signal } = context
    const disk = await findDisk(context)
    const opened = await openArtifact(context)
    const { repository, artifact } = opened
    const layer = chooseDiskLayer(artifact)
    const content = await contentDigest(repository, artifact, layer, signal)
    const meter = startMeter('writing', layer.size, context)
    using intake = takeIn(repository, layer, content, meter, signal)
    const image = await openDiskImage(intake, layer.size)
    checkFits(image, disk)
    say(`writing ${recipe.oci_url} (${artifact.digest}): ${layer.digest}, ${formatBytes(layer.size)}, ${image.format}`)

    const old = await claimDisk(disk, context)
    for (const command of planErase(disk, old)) await programs.run(command, signal)
    const target = { path: disk.path, bytes: disk.bytes, zeroOut: zeroOut(disk, context) }
    const forget =
      recipe.verify?.read_back === true
        ? () => programs.run({ argv: ['blockdev', '--flushbufs', disk.path] }, signal)
        : undefined
    const memory = await spoolMemory(paths.root)
    const checkTable = (table: TableFacts) => checkSectors(table, disk)
    const request = { image, intake, disk: target, checkTable, memory, forget }
    const { bytes, zeroedBytes, digest } = await writeImage(request, signal)
    say(
      `${meter.summary()}; the image has ${formatBytes(bytes)}${digest === undefined ? '' : `, read back as ${digest}`}`,
    )

    const bound = await bindImage(disk, context)
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

/** @throws `disk-refused` with both sizes, before anything is written */
export function checkFits(image: DiskImage, disk: Disk): void {
  const bytes = image.format === 'qcow2' ? image.bytes : Math.max(image.table.endBytes, image.fileBytes ?? 0)
  if (bytes > disk.bytes) {
    const sizes = `the image is for ${formatBytes(bytes)} (${bytes} bytes) and it has ${formatBytes(disk.bytes)} (${disk.bytes} bytes)`
    throw new AppError('disk-refused', `Cannot write ${describeDisk(disk)}: ${sizes}`)
  }
  if (image.format === 'raw') checkSectors(image.table, disk)
}

/** Firmware would look for the table in the second sector, and not find it. @throws `disk-refused` */
function checkSectors(table: TableFacts, disk: Disk): void {
  if (table.sectorBytes === disk.sectorBytes) return
  const sectors = `the image counts in sectors of ${table.sectorBytes} bytes and the disk in ${disk.sectorBytes}`
  throw new AppError('disk-refused', `Cannot write ${describeDisk(disk)}: ${sectors}`)
}
