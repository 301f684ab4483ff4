import { FLAG, MAX_DEPTH, MODE_TYPE, SECTOR } from './constants.ts'
import type { Medium, Section } from './reader-medium.ts'
import { checkInside, unreadable } from './reader-medium.ts'
import type { RawRecord } from './reader-records.ts'
import { MAX_ENTRIES, parseRecords } from './reader-records.ts'
import type { RockRidge } from './reader-rock-ridge.ts'
import { readRockRidge } from './reader-rock-ridge.ts'

/** Where names come from. */
export type Names =
  | { readonly from: 'rock-ridge'; readonly skip: number }
  | { readonly from: 'joliet' }
  | { readonly from: 'primary' }

/** One thing in the image. */
export interface Found {
  readonly path: string
  readonly kind: 'file' | 'directory' | 'symlink'
  readonly size: number
  readonly mode: number
  readonly target?: string
  /** Content of a file, in order. */
  readonly sections: readonly Section[]
}

export interface Walk {
  readonly medium: Medium
  readonly volumeBytes: number
  readonly root: Section
  readonly names: Names
}

/** One directory is held in memory while it is read. */
const MAX_DIRECTORY_BYTES = 64 * 1024 * 1024

/** A path on Linux is not longer. */
const MAX_PATH = 4096

/** Permissions when there is no Rock Ridge. */
const DEFAULT_MODE = { file: 0o444, directory: 0o555, symlink: 0o777 } as const

/** Flag of a file that belongs to another one: not shown, as in Linux (ECMA-119 9.1.6). */
const ASSOCIATED = 0x04

/**
 * All files, directories and links of one tree, parents before children. Devices, sockets and pipes are left out.
 * @throws `iso-read` when directories form a loop or lie outside, names are no names, or there is too much of anything.
 */
export async function walkTree(walk: Walk): Promise<Found[]> {
  const found: Found[] = []
  const paths = new Set<string>()
  const seen = new Set<number>([walk.root.sector])
  const queue: { path: string; depth: number; extent: Section }[] = [{ path: '', depth: 1, extent: walk.root }]
  for (const { path, depth, extent } of queue) {
    for (const { node, extent: below } of await readDirectory(walk, path, extent)) {
      if (paths.has(node.path)) throw unreadable(`"/${node.path}" is there twice`)
      paths.add(node.path)
      found.push(node)
      if (found.length > MAX_ENTRIES) throw unreadable(`it has more than ${MAX_ENTRIES} files`)
      if (below === undefined) continue
      if (seen.has(below.sector)) throw unreadable(`the directory "/${node.path}" is part of a loop`)
      if (depth >= MAX_DEPTH) throw unreadable(`"/${node.path}" is more than ${MAX_DEPTH} levels deep`)
      seen.add(below.sector)
      queue.push({ path: node.path, depth: depth + 1, extent: below })
    }
  }
  return found
}

interface Child {
  readonly node: Found
  /** Of a directory. */
  readonly extent: Section | undefined
}

async function readDirectory(walk: Walk, path: string, extent: Section): Promise<Child[]> {
  const bytes = await readSectors(walk, extent, `the directory "/${path}"`)
  const records = parseRecords(bytes, path).filter(({ identifier }) => !isDot(identifier))
  const areas = new Map<number, Buffer>()
  const children: Child[] = []
  for (const group of groupSections(records, path)) {
    const [first] = group
    if (first === undefined || (first.flags & ASSOCIATED) !== 0) continue
    const rockRidge =
      walk.names.from === 'rock-ridge'
        ? await readRockRidge(first.systemUse.subarray(walk.names.skip), (...at) => readArea(walk, areas, ...at))
        : undefined
    const child = await childOf(walk, path, group, first, rockRidge)
    if (child !== undefined) children.push(child)
  }
  return children
}

async function childOf(
  walk: Walk,
  parent: string,
  group: readonly RawRecord[],
  first: RawRecord,
  rockRidge: RockRidge | undefined,
): Promise<Child | undefined> {
  if (rockRidge?.isMoved) return undefined
  const path = pathOf(walk, parent, rockRidge?.name ?? recordedName(first.identifier, walk.names))
  const kind = kindOf(first, rockRidge)
  if (kind === undefined) return undefined
  const mode = rockRidge?.mode === undefined ? DEFAULT_MODE[kind] : rockRidge.mode & 0o7777
  if (kind === 'directory') {
    const extent = rockRidge?.movedTo === undefined ? first : await movedDirectory(walk, rockRidge.movedTo, path)
    return { node: { path, kind, size: 0, mode, sections: [] }, extent }
  }
  if (kind === 'symlink') {
    return { node: { path, kind, size: 0, mode, target: rockRidge?.target ?? '', sections: [] }, extent: undefined }
  }
  for (const section of group) checkInside(section, walk.volumeBytes, `"/${path}"`)
  const sections = group.map(({ sector, bytes }) => ({ sector, bytes }))
  const size = sections.reduce((sum, { bytes }) => sum + bytes, 0)
  return { node: { path, kind, size, mode, sections }, extent: undefined }
}

/** Records of a file above 4 GiB follow each other under one identifier; all but the last say so (ECMA-119 9.1.6). */
function groupSections(records: readonly RawRecord[], path: string): RawRecord[][] {
  const groups: RawRecord[][] = []
  let goesOn = false
  for (const record of records) {
    const group = goesOn ? groups.at(-1) : undefined
    if (group === undefined) groups.push([record])
    else if (group[0]?.identifier.equals(record.identifier)) group.push(record)
    else throw unreadable(`a large file of "/${path}" has no end`)
    goesOn = (record.flags & FLAG.moreExtents) !== 0
  }
  if (goesOn) throw unreadable(`a large file of "/${path}" has no end`)
  return groups
}

function kindOf(record: RawRecord, rockRidge: RockRidge | undefined): Found['kind'] | undefined {
  if ((record.flags & FLAG.directory) !== 0 || rockRidge?.movedTo !== undefined) return 'directory'
  const type = (rockRidge?.mode ?? MODE_TYPE.file) & MODE_TYPE.mask
  if (type === MODE_TYPE.symlink) return 'symlink'
  return type === MODE_TYPE.file ? 'file' : undefined
}

/** Without Rock Ridge a name is shown as Linux shows it: lower case, no version, no dot at the end. */
function recordedName(identifier: Buffer, names: Names): string {
  if (names.from === 'joliet') {
    return Buffer.from(identifier.subarray(0, identifier.length & ~1))
      .swap16()
      .toString('utf16le')
      .replace(/;[0-9]+$/, '')
  }
  const name = identifier.toString('latin1').replace(/;[0-9]+$/, '')
  return name.replace(/\.$/, '').replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

function pathOf(walk: Walk, parent: string, name: string): string {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) {
    throw unreadable(`"/${parent}" has the name ${JSON.stringify(name)}, which is no name`)
  }
  const path = parent === '' ? name : `${parent}/${name}`
  if (path.length > MAX_PATH) throw unreadable(`a path has more than ${MAX_PATH} characters`)
  walk.medium.spend(path.length)
  return path
}

/** The record "." of the directory tells its length (RRIP 4.1.5.1). */
async function movedDirectory(walk: Walk, sector: number, path: string): Promise<Section> {
  const bytes = await readSectors(walk, { sector, bytes: SECTOR }, `the directory "/${path}"`)
  const [self] = parseRecords(bytes, path)
  if (self === undefined) throw unreadable(`the directory "/${path}" is not where its child link points`)
  return { sector, bytes: self.bytes }
}

async function readSectors(walk: Walk, extent: Section, what: string): Promise<Buffer> {
  checkInside(extent, walk.volumeBytes, what)
  if (extent.bytes > MAX_DIRECTORY_BYTES) throw unreadable(`${what} has more than ${MAX_DIRECTORY_BYTES} bytes`)
  walk.medium.spend(extent.bytes)
  return walk.medium.read(extent.sector * SECTOR, extent.bytes)
}

/** Many records of a directory share a sector of areas. */
async function readArea(
  walk: Walk,
  areas: Map<number, Buffer>,
  sector: number,
  offset: number,
  size: number,
): Promise<Buffer> {
  walk.medium.spend(size)
  const bytes = areas.get(sector) ?? (await readSectors(walk, { sector, bytes: SECTOR }, 'a continuation area'))
  areas.set(sector, bytes)
  return bytes.subarray(offset, offset + size)
}

function isDot(identifier: Buffer): boolean {
  return identifier.length === 1 && (identifier[0] === 0 || identifier[0] === 1)
}
