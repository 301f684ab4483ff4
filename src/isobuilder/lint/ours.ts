import type { Report } from './finding.ts'
import type { Node, Tree } from './node.ts'
import { ourPrimaryNames } from './our-names.ts'
import { MODE } from './rock-ridge.ts'

/** Modify, access and attribute change. */
const TIMES = 0x0e

/**
 * What our writer promises beyond the standard, so that the same files give the same image: one date, fixed modes and
 * owners, identifiers that follow from the names. Reported only for images that say they are ours.
 */
export function lintPromises(report: Report, primary: Tree, joliet: Tree | undefined): void {
  const [self] = primary.root.dots
  const date = self?.date ?? ''
  for (const tree of joliet === undefined ? [primary] : [primary, joliet]) {
    for (const directory of tree.directories) {
      for (const dot of directory.dots) {
        lintDates(report, date, { ...dot, path: directory.path })
        if (tree === primary) compareDot(report, dot.of, dot, tree)
      }
      for (const node of directory.children) lintDates(report, date, node)
    }
  }
  for (const root of [primary.root, joliet?.root]) {
    if (root !== undefined && root.date !== date) {
      report.add('fixed-date', root.offset, 'the root of the descriptor has another date')
    }
  }
  const links = linksIn(primary)
  for (const { children } of primary.directories) {
    for (const node of children) lintMode(report, links, node)
    for (const [node, wanted] of ourPrimaryNames(children)) lintMangling(report, node, wanted)
  }
}

function lintDates(report: Report, date: string, node: Pick<Node, 'date' | 'offset' | 'path' | 'rockRidge'>): void {
  const { times } = node.rockRidge ?? {}
  const dates = [node.date, ...(times?.dates ?? [])]
  if (dates.some((each) => each !== date)) report.add('fixed-date', node.offset, 'it has another date', node.path)
  if (times !== undefined && times.flags !== TIMES) {
    report.add('fixed-date', node.offset, `TF has the flags 0x${times.flags.toString(16)}`, node.path)
  }
}

/** "." and ".." say what the record of the directory says. */
function compareDot(report: Report, directory: Node, dot: Pick<Node, 'offset' | 'rockRidge'>, tree: Tree): void {
  const known = directory.path === '' ? tree.root.rockRidge : directory.rockRidge
  const { mode, links, owner, group } = dot.rockRidge ?? {}
  if (mode === known?.mode && links === known?.links && owner === known?.owner && group === known?.group) return
  report.add('fixed-mode', dot.offset, '"." or ".." has other attributes than its directory', directory.path)
}

function lintMode(report: Report, linksOf: ReadonlyMap<string, number>, { kind, rockRidge, offset, path }: Node): void {
  const wanted = { directory: MODE.directory | 0o555, file: MODE.file | 0o444, symlink: MODE.symlink | 0o777, other: 0 }
  if (rockRidge === undefined) return
  if (rockRidge.mode !== wanted[kind] || rockRidge.owner !== 0 || rockRidge.group !== 0) {
    report.add('fixed-mode', offset, `mode 0${rockRidge.mode?.toString(8)} or owner is not the fixed one`, path)
  }
  const links = kind === 'directory' ? (linksOf.get(path) ?? 2) : 1
  if (rockRidge.links !== links) {
    report.add('rock-ridge-links', offset, `it has ${rockRidge.links} links, not ${links}`, path)
  }
}

/** For each directory: its name, its ".", and the ".." of each directory in it. */
function linksIn(tree: Tree): ReadonlyMap<string, number> {
  const below = ({ children }: { readonly children: readonly Node[] }) =>
    children.filter(({ kind }) => kind === 'directory').length
  return new Map(tree.directories.map((directory) => [directory.path, 2 + below(directory)]))
}

function lintMangling(report: Report, { identifier, offset, path }: Node, wanted: string): void {
  const text = identifier.toString('latin1').replace(/;1$/, '').replace(/\.$/, '')
  if (text === wanted) return
  report.add('mangling', offset, `its identifier is ${JSON.stringify(text)}, not ${JSON.stringify(wanted)}`, path)
}
