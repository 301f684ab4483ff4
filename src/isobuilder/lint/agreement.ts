import type { Report } from './finding.ts'
import type { DirectoryNode, Node, Tree } from './node.ts'

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

/** Who is who: by name where that is plain, else by content. */
function pairs(report: Report, one: DirectoryNode, other: DirectoryNode): [Node, Node][] {
  const nodes = one.children.filter((node) => node.kind !== 'symlink' && node.kind !== 'other' && !isRelocation(node))
  const left = new Map(other.children.map((twin) => [twin.name, twin]))
  const wanted = Map.groupBy(nodes, (node) => jolietName(node))
  const found: [Node, Node][] = []
  const unmatched: Node[] = []
  for (const node of nodes) {
    const name = jolietName(node)
    const twin = wanted.get(name)?.length === 1 ? left.get(name) : undefined
    if (twin === undefined) unmatched.push(node)
    else {
      left.delete(name)
      found.push([node, twin])
    }
  }
  const byContent = Map.groupBy(left.values(), contentKey)
  for (const node of unmatched) {
    const twin = byContent.get(contentKey(node))?.shift()
    if (twin === undefined) report.add('joliet-missing', node.offset, 'the Joliet tree does not have it', node.path)
    else {
      left.delete(twin.name)
      found.push([node, twin])
      if (!isShortened(jolietName(node), twin.name, twin.kind === 'directory')) {
        report.add('joliet-name', twin.offset, `Joliet has it as ${JSON.stringify(twin.name)}`, node.path)
      }
    }
  }
  for (const twin of left.values()) {
    report.add('joliet-extra', twin.offset, 'only the Joliet tree has it', twin.path)
  }
  return found
}

function isRelocation(node: Node): boolean {
  return node.rockRidge?.isMoved === true || node.name === 'rr_moved' || node.name === '.rr_moved'
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
function jolietName({ name, kind }: Node): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are the characters to replace
  const allowed = name.replace(/[\u0000-\u001f\u007f*/:;?\\"<>|]|[\u{10000}-\u{10ffff}]/gu, '_')
  const [stem, extension] = divided(allowed, kind === 'directory')
  const strip = (text: string) => text.replace(/[. ]+$/, (tail) => '_'.repeat(tail.length))
  return extension === '' ? strip(stem) : `${stem}.${strip(extension)}`
}

/** `short` is `long` with the end of its stem, of its extension or of both cut off, perhaps with a number at the stem. */
export function isShortened(long: string, short: string, isDirectory: boolean): boolean {
  const [longStem, longExtension] = divided(long, isDirectory)
  const [stem, extension] = divided(short, isDirectory)
  const isPart = longStem.startsWith(stem) || longStem.startsWith(stem.replace(/_\d+$/, ''))
  return isPart && longExtension.startsWith(extension)
}

/** A directory has no extension, and a leading dot belongs to the stem. */
function divided(name: string, isDirectory: boolean): [string, string] {
  const dot = isDirectory ? 0 : name.lastIndexOf('.')
  return dot <= 0 ? [name, ''] : [name.slice(0, dot), name.slice(dot + 1)]
}
