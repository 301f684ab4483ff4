import type { Report } from './finding.ts'
import type { DirectoryNode, Node, Tree } from './node.ts'
import { divided, joined, jolietText, ourJolietNames, strip } from './our-names.ts'

/** Directories and empty files have no content to know them by, and a hostile image may have a million of them. */
const SEARCHED = 50

/**
 * Compares the two trees, directory by directory: the same files under the same names, with the same contents. Symbolic
 * links and devices are only in the primary tree; what one tree hides on purpose is a warning.
 */
export function compareTrees(report: Report, primary: Tree, joliet: Tree): void {
  const directories = new Map(primary.directories.map((directory) => [directory.sections[0]?.sector, directory]))
  const wide = new Map(joliet.directories.map((directory) => [directory.offset, directory]))
  const queue: [DirectoryNode, DirectoryNode][] = [[primary.root, joliet.root]]
  const seen = new Set<DirectoryNode>()
  for (const [one, other] of queue) {
    if (seen.has(other)) continue
    seen.add(other)
    for (const [node, twin] of pairs(report, one, other)) {
      compareNodes(report, node, twin)
      // CL leads to where a deep directory was moved (RRIP 4.1.5.1).
      const below = directories.get(node.rockRidge?.movedTo ?? node.sections[0]?.sector)
      const twinBelow = wide.get(twin.offset)
      if (twin.kind === 'directory' && below !== undefined && twinBelow !== undefined) queue.push([below, twinBelow])
    }
  }
}

/** Who is who: by the name our writer gives where nothing speaks against it, else by content. */
function pairs(report: Report, one: DirectoryNode, other: DirectoryNode): [Node, Node][] {
  const left = new Map(other.children.map((twin) => [twin.name, twin]))
  const nodes = one.children.filter(
    (node) => node.kind !== 'symlink' && node.kind !== 'other' && !isRelocation(node, left),
  )
  const ours = ourJolietNames(nodes)
  const alike = Map.groupBy(nodes, wholeName)
  const found: [Node, Node][] = []
  const unmatched: Node[] = []
  for (const node of nodes) {
    const name = ours.get(node) ?? ''
    const twin = left.get(name)
    // A name that was cut, or that several want, may be another file's where the writer is another one.
    const isPlain = alike.get(name)?.length === 1 && name === wholeName(node)
    if (twin === undefined || (!isPlain && contentKey(node) !== contentKey(twin))) unmatched.push(node)
    else {
      left.delete(name)
      found.push([node, twin])
    }
  }
  const byContent = Map.groupBy([...left.values()].reverse(), contentKey)
  for (const node of unmatched) {
    const twin = takeLikely(node, byContent.get(contentKey(node)) ?? [])
    if (twin === undefined) report.add('joliet-missing', node.offset, 'the Joliet tree does not have it', node.path)
    else {
      left.delete(twin.name)
      found.push([node, twin])
      report.add('mangling', twin.offset, `Joliet has it as ${JSON.stringify(twin.name)}`, node.path)
      if (isShortened(node, twin.name)) continue
      report.add('joliet-name', twin.offset, `Joliet has it as ${JSON.stringify(twin.name)}`, node.path)
    }
  }
  for (const twin of left.values()) {
    report.add('joliet-extra', twin.offset, 'only the Joliet tree has it', twin.path)
  }
  return found
}

/** Takes the one whose name looks most like it from the end of the list, where taking costs nothing. */
function takeLikely(node: Node, twins: Node[]): Node | undefined {
  const from = Math.max(0, twins.length - SEARCHED)
  const likely = twins.slice(from).findLastIndex((twin) => isShortened(node, twin.name))
  return twins.splice(likely === -1 ? -1 : from + likely, 1)[0]
}

/** Writers keep moved directories in one of these names, which Joliet does not have; what it has is an ordinary one. */
function isRelocation({ name, rockRidge }: Node, inJoliet: ReadonlyMap<string, Node>): boolean {
  return rockRidge?.isMoved === true || ((name === 'rr_moved' || name === '.rr_moved') && !inJoliet.has(name))
}

function compareNodes(report: Report, node: Node, twin: Node): void {
  const tell = (state: string) => report.add('joliet-agreement', twin.offset, `Joliet has ${state}`, node.path)
  const kind = node.rockRidge?.movedTo === undefined ? node.kind : 'directory'
  if (node.date !== twin.date) report.add('fixed-date', twin.offset, 'Joliet has another date', node.path)
  if (kind !== twin.kind) tell(`a ${twin.kind}, the primary tree a ${kind}`)
  else if (kind === 'directory') return
  else if (node.size !== twin.size) tell(`${twin.size} bytes, the primary tree ${node.size}`)
  else if (node.size > 0 && contentKey(node) !== contentKey(twin)) tell('the content in other sectors')
}

/** Directories lie in other sectors in each tree; there is no content to know them by. */
function contentKey({ kind, size, sections, rockRidge }: Node): string {
  if (kind === 'directory' || rockRidge?.movedTo !== undefined) return 'directory'
  return size === 0 ? 'empty' : sections.map(({ sector, bytes }) => `${sector}+${bytes}`).join(' ')
}

/** The name as Joliet can have it, if it is short enough. */
function wholeName({ name, kind }: Node): string {
  return joined(divided(jolietText(name), kind === 'directory'))
}

/**
 * The name with the end of its stem, of its extension or of both cut off, perhaps with a number at the stem, which xorriso
 * writes without `_`.
 */
function isShortened(node: Node, short: string): boolean {
  const [longStem, longExtension] = divided(jolietText(node.name), node.kind === 'directory')
  const isPart = (text: string, whole: string) => whole.startsWith(text) || strip(whole.slice(0, text.length)) === text
  // Where the extension is cut off altogether, the last dot is one of the stem.
  const ways = [[short, ''], divided(short, false)] as const
  return ways.some(
    ([stem, extension]) =>
      (isPart(stem, longStem) || isPart(stem.replace(/_?\d+$/, ''), longStem)) && isPart(extension, longExtension),
  )
}
