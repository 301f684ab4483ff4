import type { Problem } from '../shared/errors.ts'
import { MAX_DEPTH } from './constants.ts'
import type { Source } from './source.ts'

/** One thing to record. `path` is relative, with `/` between names; directories above it need no entry of their own. */
export type Entry =
  | { readonly path: string; readonly source: Source }
  | { readonly path: string; readonly symlink: string }
  | { readonly path: string; readonly directory: true }

export interface FileNode {
  readonly kind: 'file'
  readonly name: string
  readonly path: string
  readonly source: Source
}

export interface SymlinkNode {
  readonly kind: 'symlink'
  readonly name: string
  readonly path: string
  readonly target: string
}

export interface DirectoryNode {
  readonly kind: 'directory'
  readonly name: string
  readonly path: string
  /** By name, in code unit order: the order of the entries that were given leaves no trace. */
  readonly children: Map<string, TreeNode>
}

export type TreeNode = FileNode | SymlinkNode | DirectoryNode

export interface Tree {
  readonly root: DirectoryNode
  readonly problems: readonly Problem[]
}

/** Linux drops a Rock Ridge name of 254 bytes or more (fs/isofs/rock.c, get_rock_ridge_filename). */
const MAX_NAME_BYTES = 253

/** xorriso and osirrox refuse a whole image with a longer target or path (libisofs, "Rock Ridge path too long"). */
const MAX_TARGET_BYTES = 1024
const MAX_PATH_BYTES = 4095

/** One section holds 4 GiB less a sector, so that the next begins on a sector (ECMA-119 6.5.1, 9.1.4). */
export const SECTION_BYTES = 0xfffff800

/** Linux gives up on a file with more sections (fs/isofs/inode.c, isofs_read_level3_size). */
const MAX_SECTIONS = 100

/** Checks the entries and makes a tree of those that are sound. Every problem is told, in the order of the paths. */
export function buildTree(entries: readonly Entry[]): Tree {
  const root: DirectoryNode = { kind: 'directory', name: '', path: '', children: new Map() }
  const problems: Problem[] = []
  let last: Place | undefined
  for (const entry of entries.toSorted((a, b) => compareCodeUnits(a.path, b.path))) {
    // Mostly it lies beside the one before: then the way there is sound, and only its name is new.
    const beside: Place | undefined = last !== undefined && liesIn(entry.path, last.path) ? last : undefined
    const path = pathProblem(entry.path, beside === undefined ? 0 : beside.path.length + 1)
    const content = contentProblem(entry)
    if (path !== undefined) problems.push(path)
    if (content !== undefined) problems.push(content)
    if (path !== undefined || content !== undefined) continue
    const place = beside ?? placeOf(root, entry.path)
    const clash = 'directory' in place ? insert(place.directory, entry) : place
    if (clash !== undefined) problems.push(clash)
    else if ('directory' in place) last = place
  }
  return { root, problems }
}

/** A directory of the tree. */
interface Place {
  readonly path: string
  readonly directory: DirectoryNode
}

function liesIn(path: string, directory: string): boolean {
  return path.lastIndexOf('/') === directory.length && path.startsWith(directory)
}

/** The only order used in an image: by UTF-16 code unit, never by locale. */
export function compareCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The directory in which an entry lies; those that are missing are made. */
function placeOf(root: DirectoryNode, path: string): Place | Problem {
  const names = path.split('/').slice(0, -1)
  let directory = root
  for (const name of names) {
    const present = directory.children.get(name)
    const below = present ?? emptyDirectory(directory, name)
    // A path sorts before every path below it, so whatever is in the way is there already.
    if (below.kind !== 'directory') {
      return refused(path, 'path-clash', `"${below.path}" is a ${below.kind}`)
    }
    if (present === undefined) directory.children.set(name, below)
    directory = below
  }
  return { path: directory.path, directory }
}

function insert(directory: DirectoryNode, entry: Entry): Problem | undefined {
  const name = entry.path.slice(entry.path.lastIndexOf('/') + 1)
  if (directory.children.has(name)) {
    return refused(entry.path, 'path-duplicate', 'it is given more than once')
  }
  directory.children.set(name, nodeOf(entry, name))
  return undefined
}

function emptyDirectory(parent: DirectoryNode, name: string): DirectoryNode {
  const path = parent.path === '' ? name : `${parent.path}/${name}`
  return { kind: 'directory', name, path, children: new Map() }
}

function nodeOf(entry: Entry, name: string): TreeNode {
  if ('source' in entry) return { kind: 'file', name, path: entry.path, source: entry.source }
  if ('symlink' in entry) return { kind: 'symlink', name, path: entry.path, target: entry.symlink }
  return { kind: 'directory', name, path: entry.path, children: new Map() }
}

/** What is wrong with the path, of which the names before `from` are known to be good. */
function pathProblem(path: string, from: number): Problem | undefined {
  if (path === '') return refused(path, 'path-empty', 'the path is empty')
  if (path.startsWith('/')) return refused(path, 'path-absolute', 'the path is absolute')
  if (path.includes('\0')) return refused(path, 'path-character', 'the path contains a NUL')
  if (!path.isWellFormed()) return refused(path, 'path-character', 'the path has half of a surrogate pair')
  if (Buffer.byteLength(path) > MAX_PATH_BYTES)
    return refused(path, 'path-length', `it has more than ${MAX_PATH_BYTES} bytes`)
  const names = path.slice(from).split('/')
  if (names.length > MAX_DEPTH) return refused(path, 'path-depth', `it is more than ${MAX_DEPTH} levels deep`)
  for (const name of names) {
    if (name === '' || name === '.' || name === '..') return refused(path, 'path-component', `"${name}" is no name`)
    const bytes = Buffer.byteLength(name)
    if (bytes > MAX_NAME_BYTES)
      return refused(path, 'name-length', `a name has ${bytes} bytes, more than ${MAX_NAME_BYTES}`)
  }
  return undefined
}

function contentProblem(entry: Entry): Problem | undefined {
  const { path } = entry
  if ('source' in entry) {
    const { size } = entry.source
    if (!Number.isSafeInteger(size) || size < 0) return refused(path, 'file-size', `${size} is no number of bytes`)
    const sections = Math.ceil(size / SECTION_BYTES)
    return sections > MAX_SECTIONS
      ? refused(path, 'file-size', `it needs ${sections} sections, Linux reads ${MAX_SECTIONS}`)
      : undefined
  }
  if ('symlink' in entry) {
    const target = entry.symlink
    if (target === '' || target.includes('\0') || !target.isWellFormed()) {
      return refused(path, 'symlink-target', 'the target of the link is empty or has a character that no path has')
    }
    if (Buffer.byteLength(target) > MAX_TARGET_BYTES)
      return refused(path, 'symlink-target', `the target has more than ${MAX_TARGET_BYTES} bytes`)
  }
  return undefined
}

function refused(path: string, code: string, state: string): Problem {
  return { path, code, message: `Cannot record "${path}": ${state}` }
}
