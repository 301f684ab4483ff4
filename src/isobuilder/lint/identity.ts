import { createHash } from 'node:crypto'
import { BLOCK } from './block.ts'
import type { Report } from './finding.ts'
import type { LintMedium } from './medium.ts'
import type { DirectoryNode, Node, Tree } from './node.ts'
import type { Lint } from './susp.ts'
import type { Volume } from './volume.ts'

/** Where a Joliet descriptor of ours has the identity once more (ECMA-119 8.4.32). */
const APPLICATION_USE = 883

/**
 * The volume set identifier of our images is a digest of label, names, kinds and contents. Reads every file, so that an
 * image proves, without a checksum beside it, that it is the one that was made. Not for an image that boots: its identity
 * has the plan of the boot partition in it, not the bytes.
 */
export async function lintIdentity(
  { report, medium }: Lint,
  primary: Volume,
  tree: Tree,
  signal: AbortSignal | undefined,
): Promise<void> {
  const hash = createHash('sha256').update(`${JSON.stringify([primary.texts.get('volume identifier')])}\n`)
  const directories = new Map(tree.directories.map((directory) => [directory.path, directory]))
  const stack: Node[] = [tree.root]
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    const content = node.kind === 'file' ? [node.size, await digestOf(medium, node, signal)] : linkOf(node)
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

async function digestOf(medium: LintMedium, { sections }: Node, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256')
  for (const { sector, bytes } of sections) {
    for await (const piece of medium.pieces(sector * BLOCK, sector * BLOCK + bytes)) {
      signal?.throwIfAborted()
      hash.update(piece.bytes)
    }
  }
  return `sha256:${hash.digest('hex')}`
}
