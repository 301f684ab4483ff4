import { FLAG, SECTOR } from './constants.ts'
import type { SystemUse } from './continuation.ts'
import { continuationSpace, leadTo, putAreas } from './continuation.ts'
import { headBytes, MAX_RECORD, PARENT, putRecord, recordBytes, SELF } from './directory-record.ts'
import { sectorsOf, zeroed } from './fields.ts'
import type { Identified } from './names.ts'
import { childBytes, childEntries, directoryAttributes, dotEntries, putChild } from './rock-ridge.ts'
import type { DirectoryNode, TreeNode } from './tree.ts'
import { SECTION_BYTES } from './tree.ts'

/** What makes the primary tree and the Joliet tree different. */
export interface Style {
  /** The children a directory shows, in record order. */
  names(children: Iterable<TreeNode>): Identified[]
  readonly rockRidge: boolean
}

/** One directory of one tree, with everything but the sectors. */
export interface PlannedDirectory {
  readonly node: DirectoryNode
  /** As in the path table. */
  readonly identifier: Uint8Array
  /** Ordinal of the directory above, counted from 1. */
  readonly parent: number
  readonly records: readonly PlannedRecord[]
  /** Up to the end of the last record. */
  readonly usedBytes: number
  /** Bytes of the records: whole sectors (ECMA-119 6.8.1.3). */
  readonly size: number
  /** Sectors for continuation areas, right behind the records. */
  readonly continuationSectors: number
}

interface PlannedRecord {
  readonly node: TreeNode
  readonly identifier: Uint8Array
  /** Bytes of the entries when all of them fit into the record: they are made when it is written. */
  readonly systemUse: SystemUse | number
  /** Which part of a file above 4 GiB; 0 for everything else. */
  readonly section: number
  /** In the directory. */
  readonly offset: number
}

/** Where a content lies. */
export interface Extent {
  readonly sector: number
  readonly bytes: number
}

/** Where the directories of one tree and the files are. What has no content is not in there. */
export interface Extents {
  readonly directories: ReadonlyMap<TreeNode, Extent>
  readonly files: ReadonlyMap<TreeNode, Extent>
}

const NO_ENTRIES: readonly Buffer[] = []

/** Of symbolic links and empty files. */
const NOWHERE: Extent = { sector: 0, bytes: 0 }

/**
 * All directories of one tree, breadth first with sorted children: the order of the path table (ECMA-119 6.9.1). Pure,
 * and free of sectors, so that sizes are known before anything is placed.
 */
export function planHierarchy(root: DirectoryNode, style: Style): PlannedDirectory[] {
  const planned: PlannedDirectory[] = []
  const queue: Pending[] = [pendingOf(root, undefined, SELF, 1)]
  for (const [index, pending] of queue.entries()) {
    const names = style.names(pending.node.children.values())
    for (const { node, identifier } of names) {
      if (node.kind === 'directory') queue.push(pendingOf(node, pending, identifier, index + 1))
    }
    planned.push(planDirectory(pending, names, style.rockRidge, index === 0))
  }
  return planned
}

interface Pending {
  readonly node: DirectoryNode
  readonly attributes: Buffer
  /** The root is above itself (ECMA-119 6.8.2.2). */
  readonly above: { readonly node: DirectoryNode; readonly attributes: Buffer }
  readonly identifier: Uint8Array
  readonly parent: number
}

function pendingOf(node: DirectoryNode, above: Pending | undefined, identifier: Uint8Array, parent: number): Pending {
  const self = { node, attributes: directoryAttributes(node) }
  return { ...self, above: above ?? self, identifier, parent }
}

/**
 * The directory as it is recorded: its records, then its continuation areas. The zeros at the end are left out; most of a
 * small directory is zeros.
 */
export function directoryBytes(directory: PlannedDirectory, extents: Extents): Buffer {
  const areaBytes = directory.continuationSectors * SECTOR
  const bytes = zeroed(areaBytes === 0 ? directory.usedBytes : directory.size + areaBytes)
  const firstArea = (extents.directories.get(directory.node)?.sector ?? 0) + directory.size / SECTOR
  const continuation = bytes.subarray(directory.size)
  for (const record of directory.records) {
    const { node, identifier, systemUse, offset } = record
    const content = contentOf(node, record.section, extents)
    if (typeof systemUse === 'number') {
      const at = putRecord(bytes, offset, content, identifier, systemUse)
      if (systemUse > 0) putChild(bytes, at, node)
      continue
    }
    const { inline, areas, recordBytes: length } = systemUse
    let at = putRecord(bytes, offset, content, identifier, length)
    for (const entry of [...inline, ...leadTo(areas, firstArea)]) at += entry.copy(bytes, at)
    putAreas(continuation, areas, firstArea)
  }
  return bytes
}

function planDirectory(
  pending: Pending,
  names: readonly Identified[],
  rockRidge: boolean,
  isRoot: boolean,
): PlannedDirectory {
  const { node, attributes, above, identifier, parent } = pending
  const space = continuationSpace()
  const records: PlannedRecord[] = []
  let end = 0

  function add(of: TreeNode, name: Uint8Array, section: number, systemUse: SystemUse | number): void {
    const length = recordBytes(name.length, typeof systemUse === 'number' ? systemUse : systemUse.recordBytes)
    // A record ends in the sector in which it begins (ECMA-119 6.8.1.1).
    if ((end % SECTOR) + length > SECTOR) end = sectorsOf(end) * SECTOR
    records.push({ node: of, identifier: name, systemUse, section, offset: end })
    end += length
  }

  function divide(entries: readonly Buffer[], name: Uint8Array): SystemUse {
    return space.divide(entries, MAX_RECORD - headBytes(name.length))
  }

  add(node, SELF, 0, divide(rockRidge ? dotEntries(attributes, isRoot) : NO_ENTRIES, SELF))
  add(above.node, PARENT, 0, divide(rockRidge ? dotEntries(above.attributes, false) : NO_ENTRIES, PARENT))
  for (const child of names) {
    const bytes = rockRidge ? childBytes(child.node) : 0
    const fits = bytes !== undefined && bytes <= MAX_RECORD - headBytes(child.identifier.length)
    // The parts of a large file follow each other, each with the same name (ECMA-119 6.5.1, 9.1.6).
    for (let section = 0; section < sectionsOf(child.node); section++) {
      add(child.node, child.identifier, section, fits ? bytes : divide(childEntries(child.node), child.identifier))
    }
  }
  const size = sectorsOf(end) * SECTOR
  return { node, identifier, parent, records, usedBytes: end, size, continuationSectors: space.sectors() }
}

function sectionsOf(node: TreeNode): number {
  return node.kind === 'file' ? Math.max(1, Math.ceil(node.source.size / SECTION_BYTES)) : 1
}

function contentOf(node: TreeNode, section: number, { directories, files }: Extents) {
  if (node.kind === 'directory') {
    const { sector, bytes } = directories.get(node) ?? NOWHERE
    return { sector, length: bytes, flags: FLAG.directory }
  }
  const { sector, bytes } = files.get(node) ?? NOWHERE
  const rest = bytes - section * SECTION_BYTES
  return {
    sector: sector + section * (SECTION_BYTES / SECTOR),
    length: Math.min(rest, SECTION_BYTES),
    flags: rest > SECTION_BYTES ? FLAG.moreExtents : 0,
  }
}
