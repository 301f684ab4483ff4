import type { Hash } from 'node:crypto'
import { createHash } from 'node:crypto'
import { BLOCK } from './block.ts'
import type { BootImage } from './el-torito.ts'
import { EFI } from './el-torito.ts'
import type { Report } from './finding.ts'
import { SECTOR } from './gpt.ts'
import type { LintMedium } from './medium.ts'
import type { Partitions } from './partitions.ts'
import type { Lint } from './susp.ts'
import type { DirectoryNode, Node, Tree } from './tree.ts'
import type { Volume } from './volume.ts'

/** Where a Joliet descriptor of ours has the identity once more (ECMA-119 8.4.32). */
const APPLICATION_USE = 883

/** What the image boots, as found before. */
export interface BootFound {
  readonly images: readonly BootImage[]
  readonly partitions: Partitions
}

/**
 * The volume set identifier of our images is a digest of label, boot partition, names, kinds and contents. Reads every
 * file, so that an image proves, without a checksum beside it, that it is the one that was made. An image with a loader
 * for BIOS cannot: its boot info table overwrote what was digested.
 */
export async function lintIdentity(
  { report, medium, sectors }: Lint,
  primary: Volume,
  tree: Tree,
  boot: BootFound,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (boot.images.some(({ platform }) => platform !== EFI)) return
  const digest = (start: number, end: number, hash = createHash('sha256')) => digestOf(medium, start, end, hash, signal)
  const label = primary.texts.get('volume identifier')
  const hash = createHash('sha256').update(
    `${JSON.stringify([label, ...(await bootIdentity(boot, sectors, digest))])}\n`,
  )
  const directories = new Map(tree.directories.map((directory) => [directory.path, directory]))
  const stack: Node[] = [tree.root]
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    const content = node.kind === 'file' ? [node.size, await fileDigest(node, digest)] : linkOf(node)
    hash.update(`${JSON.stringify([node.kind, node.path, ...content])}\n`)
    if (node.kind === 'directory') stack.push(...sorted(directories.get(node.path)).toReversed())
  }
  const identity = hash.digest('hex').slice(0, 32).toUpperCase()
  if (primary.texts.get('volume set identifier') === identity) return
  const message = `label, names and contents give ${identity}: the image is not the one that was made`
  report.add('identity', primary.block.offset + 190, message)
}

/** The identity stands in the application use of the Joliet descriptor too, for the serial number Windows makes. */
export function lintIdentityFields(report: Report, primary: Volume, joliet: Volume): void {
  const identity = primary.texts.get('volume set identifier') ?? ''
  const wanted = Buffer.alloc(512)
  wanted.write(identity, 'hex')
  if (!joliet.block.bytes.subarray(APPLICATION_USE, APPLICATION_USE + 512).equals(wanted)) {
    const message = 'the application use of the Joliet descriptor is not the identity'
    report.add('identity', joliet.block.offset + APPLICATION_USE, message)
  }
  const use = primary.block.bytes.toString('latin1', APPLICATION_USE, APPLICATION_USE + 512)
  if (!/^ *$/.test(use) && !use.startsWith('ISO MD5SUM = ')) {
    const message = 'the application use of the primary descriptor is neither spaces nor an implanted checksum'
    report.add('identity', primary.block.offset + APPLICATION_USE, message)
  }
}

function linkOf({ kind, rockRidge }: Node): string[] {
  return kind === 'symlink' ? [rockRidge?.target ?? ''] : []
}

function sorted(directory: DirectoryNode | undefined): Node[] {
  return (directory?.children ?? []).toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

type Digest = (start: number, end: number, hash?: Hash) => Promise<Hash>

/** `hybrid`, size and digest of the boot partition; no loader for BIOS. */
async function bootIdentity({ images, partitions }: BootFound, sectors: number, digest: Digest): Promise<unknown[]> {
  const [image] = images
  if (image === undefined) return []
  const start = image.sector * BLOCK
  const partition = partitions?.find(({ first }) => first * SECTOR === start)
  const bytes = partition === undefined ? image.blocks * SECTOR : (partition.last - partition.first + 1) * SECTOR
  const size = bytes === 0 ? sectors * BLOCK - start : bytes
  const sum = (await digest(start, start + size)).digest('hex')
  return [partitions === undefined ? 'none' : 'gpt', size, `sha256:${sum}`, []]
}

async function fileDigest({ sections }: Node, digest: Digest): Promise<string> {
  const hash = createHash('sha256')
  for (const { sector, bytes } of sections) await digest(sector * BLOCK, sector * BLOCK + bytes, hash)
  return `sha256:${hash.digest('hex')}`
}

async function digestOf(
  medium: LintMedium,
  start: number,
  end: number,
  hash: Hash,
  signal: AbortSignal | undefined,
): Promise<Hash> {
  for await (const piece of medium.pieces(start, end)) {
    signal?.throwIfAborted()
    hash.update(piece.bytes)
  }
  return hash
}
