import { createHash } from 'node:crypto'
import type { Problem } from '../shared/errors.ts'
import type { BootOptions } from './boot.ts'
import { bootIdentity, bootProblems, bootSegments, bootSizes } from './boot.ts'
import { FIRST_DESCRIPTOR, SECTOR } from './constants.ts'
import { bootRecord } from './el-torito.ts'
import type { Extent } from './hierarchy.ts'
import { directoryBytes, planHierarchy } from './hierarchy.ts'
import type { Layout, TreeLayout } from './layout.ts'
import { layoutImage } from './layout.ts'
import { jolietNames, primaryNames } from './names.ts'
import { MAX_DIRECTORIES, pathTable } from './path-table.ts'
import type { Segment, SegmentedImage } from './segments.ts'
import { segmentedImage } from './segments.ts'
import type { DirectoryNode, Entry, TreeNode } from './tree.ts'
import { buildTree, compareCodeUnits } from './tree.ts'
import type { Volume } from './volume-descriptor.ts'
import { jolietDescriptor, primaryDescriptor, terminator } from './volume-descriptor.ts'

export interface IsoOptions {
  /** Volume id, 1 to 32 characters of `[A-Z0-9_]`. Windows shows the first 16. */
  readonly label: string
  /** What firmware starts (El Torito); without it the image holds data only. */
  readonly boot?: BootOptions
  /** `gpt`, the default for an image that boots: written to a USB disk, the same bytes boot from there as well. */
  readonly hybrid?: 'gpt' | 'none'
}

/** A whole image that exists only as a list of where its bytes come from. Its size is a multiple of 2048. */
export interface IsoPlan extends SegmentedImage {
  /** Strong entity tag, with its quotes (RFC 9110 section 8.8.3). */
  readonly etag: string
}

export type IsoResult =
  | { readonly ok: true; readonly plan: IsoPlan }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** Sector numbers have 32 bits. */
const MAX_SECTORS = 2 ** 32 - 1

/**
 * Decides every byte of an image: ECMA-119 level 3 with Rock Ridge, and the same files under Joliet. Pure: no clock, no
 * locale, no order of the entries; the same entries and label give the same image on any host. All problems at once,
 * each with the path of its entry.
 */
export function planIso(entries: readonly Entry[], options: IsoOptions): IsoResult {
  const { root, problems } = buildTree(entries)
  const all = [...labelProblems(options.label), ...bootProblems(options), ...problems]
  if (all.length > 0) return { ok: false, problems: all }

  const directories = countDirectories(root)
  if (directories > MAX_DIRECTORIES) {
    return refuse('directories', `Cannot record ${directories} directories: a path table has ${MAX_DIRECTORIES}`)
  }
  const primary = planHierarchy(root, { names: primaryNames, rockRidge: true })
  const joliet = planHierarchy(root, { names: jolietNames, rockRidge: false })
  const layout = layoutImage(primary, joliet, bootSizes(options))
  if (layout.sectors > MAX_SECTORS) {
    return refuse('image-size', `Cannot record ${layout.sectors} sectors: a sector number has 32 bits`)
  }
  return { ok: true, plan: assemble(layout, options, identityOf(root, layout, options)) }
}

function refuse(code: string, message: string): IsoResult {
  return { ok: false, problems: [{ path: '', code, message }] }
}

function countDirectories(directory: DirectoryNode): number {
  let count = 1
  for (const child of directory.children.values()) if (child.kind === 'directory') count += countDirectories(child)
  return count
}

function labelProblems(label: string): Problem[] {
  if (/^[A-Z0-9_]{1,32}$/.test(label)) return []
  const message = `Cannot use the label "${label}": 1 to 32 characters of A-Z, 0-9 and "_" are allowed`
  return [{ path: '', code: 'label', message }]
}

/**
 * What the medium holds, in 128 bits: its label, what firmware starts, every name and every content. Dates are fixed, so without it two media of equal shape had equal descriptors, and
 * a cache that knows volumes by label and serial number would show the directories of the one before.
 */
function identityOf(root: DirectoryNode, layout: Layout, options: IsoOptions): string {
  const lines: string[] = [JSON.stringify([options.label, ...bootIdentity(layout, options)])]
  function add(node: TreeNode): void {
    lines.push(identityLine(node))
    if (node.kind !== 'directory') return
    // By name, not as they came: `a.b` is given before `a/c`, unless `a` has an entry of its own.
    for (const child of [...node.children.values()].sort((a, b) => compareCodeUnits(a.name, b.name))) add(child)
  }
  add(root)
  return createHash('sha256')
    .update(`${lines.join('\n')}\n`)
    .digest('hex')
    .slice(0, 32)
    .toUpperCase()
}

/** A path or a target may have any character: both are written so that a line is one line. */
function identityLine(node: TreeNode): string {
  const path = JSON.stringify(node.path)
  if (node.kind === 'file') return `file ${path} ${node.source.size} ${node.source.digest}`
  return node.kind === 'symlink' ? `symlink ${path} ${JSON.stringify(recorded(node.target))}` : `directory ${path}`
}

/** Repeated and trailing slashes say nothing, and a checker does not find them. */
function recorded(target: string): string {
  return target.replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/s, '')
}

function assemble(layout: Layout, options: IsoOptions, identity: string): IsoPlan {
  const boot = bootSegments(layout, options, identity)
  const segments = [...boot.front, ...metadata(layout, options.label, identity), ...contents(layout), ...boot.end]
  const image = segmentedImage(
    layout.sectors * SECTOR,
    segments.sort((a, b) => a.start - b.start),
  )
  return {
    size: image.size,
    segments: image.segments,
    get digest() {
      return image.digest
    },
    get etag() {
      return `"${image.digest.slice('sha256:'.length)}"`
    },
  }
}

function* metadata(layout: Layout, label: string, identity: string): Generator<Segment> {
  const volume = (tree: TreeLayout): Volume => {
    const { sector: rootSector, bytes: rootBytes } = rootOf(tree)
    return { ...tree, label, identity, sectors: layout.sectors, rootSector, rootBytes }
  }
  const descriptors = [
    primaryDescriptor(volume(layout.primary)),
    ...(layout.boot === undefined ? [] : [bootRecord(layout.boot.catalog)]),
    jolietDescriptor(volume(layout.joliet)),
    terminator(),
  ]
  for (const [index, bytes] of descriptors.entries()) yield bytesAt(FIRST_DESCRIPTOR + index, bytes)

  const trees = [layout.primary, layout.joliet]
  for (const tree of trees) {
    const rows = tree.directories.map(({ node, identifier, parent }) => ({
      identifier,
      parent,
      sector: sectorOf(tree, node),
    }))
    yield bytesAt(tree.littleEndianTable, pathTable(rows, 'little'))
    yield bytesAt(tree.bigEndianTable, pathTable(rows, 'big'))
  }
  for (const tree of trees) {
    const extents = { directories: tree.extents, files: layout.files }
    for (const directory of tree.directories) {
      yield bytesAt(sectorOf(tree, directory.node), directoryBytes(directory, extents))
    }
  }
}

function* contents(layout: Layout): Generator<Segment> {
  for (const [{ source }, { sector }] of layout.files) {
    yield { start: sector * SECTOR, length: source.size, source, offset: 0 }
  }
}

function rootOf(tree: TreeLayout): Extent {
  const root = tree.directories[0]
  if (root === undefined) throw new RangeError('Cannot place a tree: it has no root')
  return { sector: sectorOf(tree, root.node), bytes: root.size }
}

function sectorOf(tree: TreeLayout, node: DirectoryNode): number {
  const extent = tree.extents.get(node)
  if (extent === undefined) throw new RangeError(`Cannot place "${node.path}": it has no extent`)
  return extent.sector
}

function bytesAt(sector: number, bytes: Uint8Array): Segment {
  return { start: sector * SECTOR, length: bytes.length, bytes }
}
