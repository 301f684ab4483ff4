import type { Problem } from '../../shared/errors.ts'
import type { Segment, SegmentedImage } from '../segments.ts'
import { segmentedImage } from '../segments.ts'
import type { DirectoryNode, Entry, FileNode, TreeNode } from '../tree.ts'
import { buildTree } from '../tree.ts'
import { ROOT_CLUSTER, reservedEntries, reservedSectors } from './boot-sector.ts'
import type { FatEntry } from './directory.ts'
import { dotEntries, entriesFor, entryBytes, labelEntry } from './directory.ts'
import type { Geometry } from './geometry.ts'
import {
  clusterBytes,
  ENTRY_BYTES,
  FAT_SECTOR,
  geometryOf,
  MAX_FAT_BYTES,
  MIN_FAT_BYTES,
  ROOT_ENTRIES,
} from './geometry.ts'
import type { ShortName } from './names.ts'
import { foldedName, nameProblem, shortNames } from './names.ts'

export interface FatOptions {
  /** Volume label, 1 to 11 characters of `[A-Z0-9_]`. */
  readonly label: string
  /** Bytes the file system has at least; it is rounded up to a MiB. Default: what the files need. */
  readonly minBytes?: number
}

export type FatResult =
  | { readonly ok: true; readonly image: SegmentedImage }
  | { readonly ok: false; readonly problems: readonly Problem[] }

const MIB = 1024 * 1024

/** A file has a 32-bit size. */
const MAX_FILE_BYTES = 2 ** 32 - 1

/**
 * Decides every byte of a FAT16 or, from 36 MiB on, FAT32 file system, as UEFI wants for an EFI system partition (UEFI
 * 2.10 section 13.3). Pure, like `planIso`: the same entries give the same image. Files are contiguous, and their
 * content stays where it is.
 */
export function planFat(entries: readonly Entry[], options: FatOptions): FatResult {
  const { root, problems } = buildTree(entries)
  const all = [...labelProblems(options.label), ...problems, ...treeProblems(root)]
  if (all.length > 0) return { ok: false, problems: all }
  const directories = listDirectories(root)
  const bytes = sizeFor(directories, options.minBytes ?? 0)
  if (bytes > MAX_FAT_BYTES) {
    return { ok: false, problems: [{ path: '', code: 'image-size', message: `Cannot make a FAT of ${bytes} bytes` }] }
  }
  const geometry = geometryOf(bytes)
  if (geometry.type === 16 && rootEntries(directories) > ROOT_ENTRIES) {
    const message = `Cannot record the root directory: FAT16 has ${ROOT_ENTRIES} entries there, long names take several`
    return { ok: false, problems: [{ path: '', code: 'root-entries', message }] }
  }
  return { ok: true, image: assemble(directories, geometry, options.label) }
}

interface Listed {
  readonly node: DirectoryNode
  readonly above: DirectoryNode | undefined
  readonly children: readonly { readonly node: TreeNode; readonly short: ShortName }[]
  /** Bytes of the entries. */
  readonly bytes: number
}

function labelProblems(label: string): Problem[] {
  if (/^[A-Z0-9_]{1,11}$/.test(label)) return []
  const message = `Cannot use the label "${label}": 1 to 11 characters of A-Z, 0-9 and "_" are allowed`
  return [{ path: '', code: 'label', message }]
}

function treeProblems(directory: DirectoryNode): Problem[] {
  const seen = new Set<string>()
  return [...directory.children.values()].flatMap((node) => {
    const refuse = (code: string, state: string): Problem[] => [
      { path: node.path, code, message: `Cannot record "${node.path}": ${state}` },
    ]
    if (node.kind === 'symlink') return refuse('symlink', 'FAT has no symbolic links')
    const bad = nameProblem(node.name)
    if (bad !== undefined) return refuse('name', bad)
    if (seen.has(foldedName(node.name))) return refuse('name-case', 'another name differs from it in case only')
    seen.add(foldedName(node.name))
    if (node.kind === 'directory') return treeProblems(node)
    return node.source.size > MAX_FILE_BYTES ? refuse('file-size', 'FAT has files below 4 GiB only') : []
  })
}

/** The root first, every directory before those in it. */
function listDirectories(root: DirectoryNode): Listed[] {
  const listed: Listed[] = []
  function visit(node: DirectoryNode, above: DirectoryNode | undefined): void {
    const nodes = [...node.children.values()]
    const shorts = shortNames(nodes.map(({ name }) => name))
    const children = nodes.flatMap((child, index) => {
      const short = shorts[index]
      return short === undefined ? [] : [{ node: child, short }]
    })
    const count = children.reduce((sum, child) => sum + entriesFor({ name: child.node.name, short: child.short }), 0)
    // The label in the root; "." and ".." elsewhere.
    listed.push({ node, above, children, bytes: (count + (above === undefined ? 1 : 2)) * ENTRY_BYTES })
    for (const child of nodes) if (child.kind === 'directory') visit(child, node)
  }
  visit(root, undefined)
  return listed
}

function rootEntries(directories: readonly Listed[]): number {
  return (directories[0]?.bytes ?? 0) / ENTRY_BYTES
}

/** Whole MiB in which everything has a place. A larger volume has larger tables, so the size is tried out. */
function sizeFor(directories: readonly Listed[], minBytes: number): number {
  let bytes = Math.ceil(Math.max(MIN_FAT_BYTES, minBytes) / MIB) * MIB
  while (bytes <= MAX_FAT_BYTES) {
    const { clusters, sectorsPerCluster } = geometryOf(bytes)
    const missing = (clustersFor(directories, clusterBytes(bytes)) - clusters) * sectorsPerCluster * FAT_SECTOR
    if (missing <= 0) return bytes
    bytes += Math.ceil(missing / MIB) * MIB
  }
  return bytes
}

function clustersFor(directories: readonly Listed[], size: number): number {
  let clusters = 0
  for (const { bytes, children } of directories) {
    clusters += Math.ceil(bytes / size)
    for (const { node } of children) if (node.kind === 'file') clusters += Math.ceil(node.source.size / size)
  }
  return clusters
}

function assemble(directories: readonly Listed[], geometry: Geometry, label: string): SegmentedImage {
  const size = geometry.sectorsPerCluster * FAT_SECTOR
  const { chains, nextFree } = place(directories, geometry, size)
  const clusterStart = (cluster: number) => geometry.dataStart * FAT_SECTOR + (cluster - 2) * size
  const contents: Segment[] = []
  for (const directory of directories) {
    const first = chains.get(directory.node)?.first
    const rootAt = (geometry.dataStart - geometry.rootSectors) * FAT_SECTOR
    contents.push(bytesAt(first === undefined ? rootAt : clusterStart(first), directoryBytes(directory, chains, label)))
    for (const { node } of directory.children) {
      const chain = chains.get(node)
      if (node.kind !== 'file' || chain === undefined) continue
      contents.push({ start: clusterStart(chain.first), length: node.source.size, source: node.source, offset: 0 })
    }
  }
  contents.sort((a, b) => a.start - b.start)
  const tables = tableBytes(geometry, chains)
  const id = idOf(contents)
  const freeClusters = geometry.clusters - (nextFree - 2)
  const fatBytes = geometry.fatSectors * FAT_SECTOR
  return segmentedImage(geometry.sectors * FAT_SECTOR, [
    bytesAt(0, reservedSectors({ geometry, id, label, freeClusters, nextFree })),
    bytesAt(geometry.reserved * FAT_SECTOR, tables),
    bytesAt(geometry.reserved * FAT_SECTOR + fatBytes, tables),
    ...contents,
  ])
}

/** The clusters of one file or directory, which follow each other. */
interface Chain {
  readonly first: number
  readonly count: number
}

function place(directories: readonly Listed[], geometry: Geometry, size: number) {
  const chains = new Map<TreeNode, Chain>()
  let next = ROOT_CLUSTER
  const take = (node: TreeNode, bytes: number): void => {
    const count = Math.ceil(bytes / size)
    if (count === 0) return
    chains.set(node, { first: next, count })
    next += count
  }
  for (const { node, above, bytes } of directories) if (above !== undefined || geometry.type === 32) take(node, bytes)
  for (const { children } of directories) {
    for (const { node } of children) if (node.kind === 'file') take(node, (node satisfies FileNode).source.size)
  }
  return { chains, nextFree: next }
}

function directoryBytes(
  { node, above, children }: Listed,
  chains: ReadonlyMap<TreeNode, Chain>,
  label: string,
): Buffer {
  const firstOf = (of: TreeNode): number => chains.get(of)?.first ?? 0
  // ".." of a directory in the root says 0, also where the root has a cluster (FAT specification section 6.5).
  const isInRoot = above?.path === ''
  const head = above === undefined ? labelEntry(label) : dotEntries(firstOf(node), isInRoot ? 0 : firstOf(above))
  const entries = children.map(({ node: child, short }) => {
    const isDirectory = child.kind === 'directory'
    const bytes = child.kind === 'file' ? child.source.size : 0
    const entry: FatEntry = { name: child.name, short, isDirectory, cluster: firstOf(child), size: bytes }
    return entryBytes(entry)
  })
  return Buffer.concat([head, ...entries])
}

function tableBytes(geometry: Geometry, chains: ReadonlyMap<TreeNode, Chain>): Buffer {
  const wide = geometry.type === 32
  const bytes = Buffer.alloc(geometry.fatSectors * FAT_SECTOR)
  const put = (cluster: number, value: number) =>
    wide ? bytes.writeUInt32LE(value, cluster * 4) : bytes.writeUInt16LE(value, cluster * 2)
  const [media, end] = reservedEntries(geometry)
  put(0, media)
  put(1, end)
  for (const { first, count } of chains.values()) {
    for (let index = 0; index < count; index++) put(first + index, index + 1 < count ? first + index + 1 : end)
  }
  return bytes
}

/** Volume number out of the content, in place of the time of day. */
function idOf(contents: readonly Segment[]): number {
  return Number.parseInt(segmentedImage(0, contents).digest.slice('sha256:'.length, 'sha256:'.length + 8), 16)
}

function bytesAt(start: number, bytes: Uint8Array): Segment {
  return { start, length: bytes.length, bytes }
}
