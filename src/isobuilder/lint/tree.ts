import type { Block } from './block.ts'
import { BLOCK, part } from './block.ts'
import { lintDirectory } from './directory.ts'
import type { Style } from './identifiers.ts'
import { JOLIET, PRIMARY } from './identifiers.ts'
import type { DirectoryNode, Node, Opening, Tree } from './node.ts'
import { lintRecord, lintRecords } from './records.ts'
import type { Lint } from './susp.ts'
import type { Volume } from './volume.ts'

/** A path table can number so many directories (ECMA-119 9.4.4). */
const MAX_DIRECTORIES = 65_535
const MAX_NODES = 2_000_000
const MAX_DEPTH = 256
/** Of all paths: a deep directory has its own in that of everything in it. */
const MAX_CHARACTERS = 512 * 1024 * 1024

/** Reads one of the two trees from its root and checks every record. */
export async function lintTree(
  lint: Lint,
  volume: Volume,
  maxCharacters: number = MAX_CHARACTERS,
): Promise<Tree | undefined> {
  const { report } = lint
  const style = volume.kind === 'joliet' ? JOLIET : PRIMARY
  const rootRecord = lintRecord(report, volume.root, '')
  if (rootRecord === undefined) return undefined
  if (rootRecord.identifier.length !== 1 || rootRecord.identifier[0] !== 0 || rootRecord.flags !== 2) {
    report.add('directory-self', rootRecord.offset, 'the root of the descriptor is no directory with the identifier 0')
  }
  const { sector, length, date, offset, identifier } = rootRecord
  const sections = [{ sector, bytes: length }]
  const base = { path: '', name: '', identifier, kind: 'directory', sections, size: length, date, offset } as const

  const directories: DirectoryNode[] = []
  const seen = new Set<number>([sector])
  let nodes = 0
  let characters = 0
  let hasRockRidge = false
  const queue: Opening[] = [{ node: { ...base, rockRidge: undefined }, parent: undefined, depth: 1 }]
  for (const opening of queue) {
    const block = await readDirectory(lint, style, opening.node)
    const room = MAX_NODES - nodes
    const records = block === undefined ? [] : lintRecords(report, block, opening.node.path, room)
    if (records.length > room) {
      report.add('limit', opening.node.offset, 'there are more files than can be gone through', opening.node.path)
      break
    }
    if (opening.parent === undefined) hasRockRidge = style === PRIMARY && (records[0]?.systemUse.bytes.length ?? 0) > 0
    const directory = await lintDirectory(lint, { style, hasRockRidge, opening, records })
    directories.push(directory)
    nodes += directory.children.length
    for (const { path } of directory.children) characters += path.length
    if (characters > maxCharacters) {
      report.add('limit', directory.offset, 'the paths are longer than can be gone through', directory.path)
      break
    }
    if (directories.length > MAX_DIRECTORIES) {
      report.add('limit', directory.offset, 'there are more directories than can be gone through')
      break
    }
    // One by one: a call has no room for a hundred thousand arguments.
    for (const below of openings(lint, style, directory, seen)) queue.push(below)
  }
  const [root] = directories
  return root === undefined ? undefined : { style, hasRockRidge, directories, root }
}

/** The directories in a directory that were not read before, in the order of the standard whatever theirs is. */
function openings({ report }: Lint, style: Style, directory: DirectoryNode, seen: Set<number>): Opening[] {
  const below = directory.children.filter((child) => child.kind === 'directory' && child.sections.length > 0)
  const found: Opening[] = []
  for (const node of below.toSorted((a, b) => style.compare(a.identifier, b.identifier))) {
    const sector = node.sections[0]?.sector ?? 0
    if (seen.has(sector)) {
      report.add('directory-loop', node.offset, `the directory in sector ${sector} is there twice`, node.path)
    } else if (directory.depth >= MAX_DEPTH) {
      report.add('limit', node.offset, `the directory is more than ${MAX_DEPTH} levels deep`, node.path)
    } else {
      seen.add(sector)
      found.push({ node, parent: directory, depth: directory.depth + 1 })
    }
  }
  return found
}

async function readDirectory(lint: Lint, style: Style, { path, sections, offset }: Node): Promise<Block | undefined> {
  const [extent = { sector: 0, bytes: 0 }] = sections
  const what = `the ${style.kind} directory "/${path}"`
  if (extent.bytes === 0 || extent.bytes % BLOCK !== 0) {
    lint.report.add('directory-size', offset, `${what} has ${extent.bytes} bytes, which are no whole sectors`, path)
    if (extent.bytes === 0) return undefined
  }
  if (extent.sector * BLOCK + extent.bytes > lint.sectors * BLOCK) {
    lint.report.add('extent-outside', offset, `${what} lies outside of the volume`, path)
    return undefined
  }
  lint.space.take({ start: extent.sector * BLOCK, length: extent.bytes, kind: 'metadata', what })
  const block = await lint.medium.block(extent.sector * BLOCK, extent.bytes, what, path)
  return block === undefined ? undefined : part(block, 0, extent.bytes - (extent.bytes % BLOCK))
}
