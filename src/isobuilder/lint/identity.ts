import { createHash } from 'node:crypto'
import { BLOCK } from './block.ts'
import type { BootImage } from './el-torito.ts'
import { EFI } from './el-torito.ts'
import type { Report } from './finding.ts'
import type { Partition } from './gpt.ts'
import type { LintMedium } from './medium.ts'
import type { DirectoryNode, Extent, Node, Tree } from './node.ts'
import type { Lint } from './susp.ts'
import type { Volume } from './volume.ts'

/** Where a Joliet descriptor of ours has the identity once more (ECMA-119 8.4.32). */
const APPLICATION_USE = 883

/** What an image holds, found by the checks before. */
export interface Held {
  readonly volume: Volume
  readonly tree: Tree
  readonly images: readonly BootImage[]
  /** Undefined when there is no partition table. */
  readonly partitions: readonly Partition[] | undefined
}

/**
 * The volume set identifier of our images is a digest of label, boot code, names, kinds and contents. Reads all of them, so
 * that an image proves, without a checksum beside it, that it is the one that was made.
 */
export async function lintIdentity(lint: Lint, held: Held, signal: AbortSignal | undefined): Promise<void> {
  const { report, medium } = lint
  const { volume, tree } = held
  const contents = contentsOf(medium, signal)
  const boot = await bootLine(lint, held, contents)
  const hash = createHash('sha256').update(`${JSON.stringify([volume.texts.get('volume identifier'), ...boot])}\n`)
  const directories = new Map(tree.directories.map((directory) => [directory.path, directory]))
  const stack: Node[] = [tree.root]
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    const content = node.kind === 'file' ? ` ${node.size} ${await contents.digest(node.sections)}` : linkOf(node)
    hash.update(`${node.kind} ${JSON.stringify(node.path)}${content}\n`)
    if (node.kind !== 'directory') continue
    // One by one: a call has no room for a hundred thousand arguments.
    for (const child of sorted(directories.get(node.path)).toReversed()) stack.push(child)
  }
  const at = volume.block.offset + 190
  if (contents.exceeded()) return report.add('limit', at, 'the files have more bytes than the image')
  const identity = hash.digest('hex').slice(0, 32).toUpperCase()
  if (volume.texts.get('volume set identifier') === identity) return
  report.add('identity', at, `label, names and contents give ${identity}: the image is not the one that was made`)
}

/** Boot code as our writer lays it out: the BIOS image up to the path tables, the boot partition up to its end. */
async function bootLine(lint: Lint, { volume, images, partitions }: Held, contents: Contents): Promise<unknown[]> {
  const esp = images.find(({ platform }) => platform === EFI)
  if (esp === undefined) return []
  const partition = partitions?.find(({ first }) => first * 512 === esp.sector * BLOCK)
  const bytes =
    partition === undefined ? (lint.sectors - esp.sector) * BLOCK : (partition.last - partition.first + 1) * 512
  const bios = images.find(({ platform }) => platform !== EFI)
  const tables = volume.tables[0]?.sector ?? 0
  return [
    partitions === undefined ? 'none' : 'gpt',
    bytes,
    await contents.digest([{ sector: esp.sector, bytes }]),
    ...(bios === undefined
      ? []
      : [await contents.digest([{ sector: bios.sector, bytes: (tables - bios.sector) * BLOCK }])]),
  ]
}

interface Contents {
  digest(sections: readonly Extent[]): Promise<string>
  /** More was to be read than the image has: files that lie on each other would be read for ever. */
  exceeded(): boolean
}

function contentsOf(medium: LintMedium, signal: AbortSignal | undefined): Contents {
  let left = medium.size
  return {
    async digest(sections) {
      const hash = createHash('sha256')
      for (const { sector, bytes } of sections) {
        left -= Math.max(0, bytes)
        if (left < 0) break
        for await (const piece of medium.pieces(sector * BLOCK, sector * BLOCK + bytes)) {
          signal?.throwIfAborted()
          hash.update(piece.bytes)
        }
      }
      return `sha256:${hash.digest('hex')}`
    },
    exceeded: () => left < 0,
  }
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

function linkOf({ kind, rockRidge }: Node): string {
  return kind === 'symlink' ? ` ${JSON.stringify(rockRidge?.target ?? '')}` : ''
}

function sorted(directory: DirectoryNode | undefined): Node[] {
  return (directory?.children ?? []).toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}
