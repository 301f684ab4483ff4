import { compareTrees } from './agreement.ts'
import { BLOCK } from './block.ts'
import type { Descriptors } from './descriptors.ts'
import { lintDescriptors } from './descriptors.ts'
import type { BootImage } from './el-torito.ts'
import { lintBiosImages, lintBootCatalog } from './el-torito.ts'
import type { Finding } from './finding.ts'
import { createReport } from './finding.ts'
import { lintIdentity, lintIdentityFields } from './identity.ts'
import type { LintMedium, Read } from './medium.ts'
import { lintMedium } from './medium.ts'
import type { Tree } from './node.ts'
import { lintPromises } from './ours.ts'
import { lintPartitions } from './partitions.ts'
import { lintPathTables } from './path-tables.ts'
import { createSpace } from './space.ts'
import type { Lint } from './susp.ts'
import { lintTree } from './tree.ts'
import type { Volume } from './volume.ts'
import { compareVolumes } from './volume.ts'

export interface LintOptions {
  /** Reads every file too, and compares the contents with the identity our writer records. */
  readonly contents?: boolean
  /** It is a device: one larger than our image has it at its start, and what lies behind it is not ours. */
  readonly isDevice?: boolean
  readonly signal?: AbortSignal
}

/** Our images say so as their application. */
const OURS = 'PROVISIONER'

/**
 * Checks a whole image of `size` bytes against ECMA-119, Joliet, SUSP, Rock Ridge, El Torito and UEFI, recomputing every
 * field that can be recomputed. The image may come from anyone: what is wrong is a finding, never an exception, and the
 * work is limited. Findings come in the order of the image.
 * @throws what `read` throws, and the reason of the signal
 */
export async function lintIso(read: Read, size: number, options: LintOptions = {}): Promise<Finding[]> {
  const report = createReport()
  const whole = lintMedium(read, size, report)
  const space = createSpace()
  const descriptors = await lintDescriptors(report, whole, space)
  const { primary, joliet } = descriptors
  if (primary === undefined) return report.findings(false)

  const isOurs = [primary, joliet].some((volume) => volume?.texts.get('application identifier') === OURS)
  // Other writers append partitions behind the volume.
  const ends = options.isDevice && isOurs ? Math.min(size, primary.sectors * BLOCK) : size
  const medium: LintMedium = { ...whole, size: ends }
  const lint: Lint = { report, medium, space, sectors: primary.sectors }
  lintSize(lint, primary)
  const trees = await lintTrees(lint, descriptors)
  const images = await lintBoot(lint, descriptors, trees.primary)
  const partitions = await lintPartitions(lint, images)
  space.checkOverlaps(report)
  await space.checkGaps(report, medium, Math.min(size, primary.sectors * BLOCK))
  if (isOurs) {
    if (trees.primary !== undefined) lintPromises(report, trees.primary, trees.joliet)
    if (joliet !== undefined) lintIdentityFields(report, primary, joliet)
    if (options.contents && trees.primary !== undefined) {
      await lintIdentity(lint, { volume: primary, tree: trees.primary, images, partitions }, options.signal)
    }
  }
  return report.findings(isOurs)
}

interface Trees {
  readonly primary: Tree | undefined
  readonly joliet: Tree | undefined
}

async function lintTrees(lint: Lint, { primary, joliet }: Descriptors): Promise<Trees> {
  const trees = {
    primary: primary === undefined ? undefined : await lintVolumeTree(lint, primary),
    joliet: joliet === undefined ? undefined : await lintVolumeTree(lint, joliet),
  }
  if (primary !== undefined && joliet !== undefined) compareVolumes(lint.report, primary, joliet)
  if (trees.primary !== undefined && trees.joliet !== undefined) compareTrees(lint.report, trees.primary, trees.joliet)
  return trees
}

async function lintVolumeTree(lint: Lint, volume: Volume): Promise<Tree | undefined> {
  const tree = await lintTree(lint, volume)
  if (tree !== undefined) await lintPathTables(lint, volume, tree)
  return tree
}

async function lintBoot(lint: Lint, { bootCatalog }: Descriptors, tree: Tree | undefined): Promise<BootImage[]> {
  if (bootCatalog === undefined) return []
  const images = await lintBootCatalog(lint, bootCatalog)
  await lintBiosImages(lint, images, tree)
  return images
}

/** A volume that is larger than its medium is cut off; Linux mounts it all the same. */
function lintSize({ report, medium }: Lint, { sectors, block }: Volume): void {
  const bytes = sectors * BLOCK
  const at = block.offset + 80
  if (bytes > medium.size) report.add('space-size', at, `the volume has ${bytes} bytes, the medium ${medium.size}`)
  if (bytes >= medium.size) return
  // Behind it may be a partition that xorriso appended; a volume that is too small cuts off its last file.
  report.add('trailing-bytes', at, `the volume has ${bytes} bytes, and the medium goes on up to ${medium.size}`)
}
