import type { TarHeader } from '../oci/tar/tar-fields.ts'
import { AppError } from '../shared/errors.ts'

/** One file of a root file system, under one name or several. */
export interface Inode {
  readonly header: TarHeader
  /** Which layer it is in, and its number there: where its content is found again. */
  readonly layer: number
  readonly member: number
}

interface TreeNode {
  inode: Inode
  /** Directories only. */
  readonly children: Map<string, TreeNode> | undefined
  /** Of the layer that spoke of this name last: its whiteouts do not mean what it brings itself. */
  layer: number
}

/** A root file system put together out of layers, without the contents of its files. */
export interface RootTree {
  /**
   * Applies one header of a layer; layers come from the lowest to the highest. @returns what the path is now, nothing for a
   * whiteout
   * @throws `boot-image`
   */
  apply(header: TarHeader, layer: number, member: number): Inode | undefined
  /** The file behind a path, symbolic links followed as inside of the root; undefined when there is none. */
  find(path: string): Inode | undefined
  /** Names in a directory, sorted; empty when it is none. */
  list(path: string): string[]
  /** Every name, sorted, directories before what is in them. */
  entries(): Generator<{ readonly path: string; readonly inode: Inode }>
}

/** image-spec "Representing Changes": a file of this name removes what it names; that one, all that lower layers have. */
const WHITEOUT = '.wh.'
const OPAQUE = '.wh..wh..opq'

/** As Linux counts (path_resolution(7)). */
const MAX_LINKS = 40

/** Directories in each other, and files: far more than any system has, less than what makes us run out of memory. */
const MAX_DEPTH = 1000
const MAX_FILES = 5_000_000

/** Root of every tree, until a layer says otherwise. */
const DIRECTORY: TarHeader = {
  ...{ path: '', type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, link: '', major: 0, minor: 0 },
  xattrs: new Map(),
}

export function rootTree(): RootTree {
  const root: TreeNode = newNode({ header: DIRECTORY, layer: -1, member: -1 }, -1)
  let applied = 0

  /** The node behind the names; links in the middle are followed, and at the end if asked for. */
  function walk(names: readonly string[], followLast: boolean): TreeNode | undefined {
    const pending = [...names]
    let stack: TreeNode[] = [root]
    for (let links = 0; pending.length > 0; ) {
      const name = pending.shift() ?? ''
      const at = stack.at(-1)
      if (name === '..') stack = stack.length > 1 ? stack.slice(0, -1) : stack
      else if (name !== '' && name !== '.') {
        const child = at?.children?.get(name)
        if (child === undefined) return undefined
        const { type, link } = child.inode.header
        if (type === 'symlink' && (pending.length > 0 || followLast)) {
          if (++links > MAX_LINKS) return undefined
          if (link.startsWith('/')) stack = [root]
          pending.unshift(...link.split('/'))
        } else stack.push(child)
        if (stack.length > MAX_DEPTH) throw tooLarge(`directories are more than ${MAX_DEPTH} levels deep`)
      }
    }
    return stack.at(-1)
  }

  /** The directory that a layer's path lies in; what is missing is made, as every extractor does. */
  function directoryFor(names: readonly string[], layer: number): TreeNode & { children: Map<string, TreeNode> } {
    let at = root
    for (const [index, name] of names.entries()) {
      const resolved = walk(names.slice(0, index + 1), true)
      if (resolved?.children !== undefined) at = resolved
      else {
        const made = newNode(
          { header: { ...DIRECTORY, path: names.slice(0, index + 1).join('/') }, layer, member: -1 },
          layer,
        )
        at.children?.set(name, made)
        at = made
      }
    }
    return at as TreeNode & { children: Map<string, TreeNode> }
  }

  function applyNew(names: readonly string[], header: TarHeader, layer: number, member: number): Inode {
    const name = names.at(-1)
    if (name === undefined) {
      if (header.type === 'directory') root.inode = { header, layer, member }
      return root.inode
    }
    const { children } = directoryFor(names.slice(0, -1), layer)
    const present = children.get(name)
    if (header.type === 'link') {
      const target = walk(namesOf(header.link), false)
      if (target === undefined || target.children !== undefined) {
        throw new AppError('boot-image', `Cannot link "${header.path}": there is no file "${header.link}" in the image`)
      }
      children.set(name, newNode(target.inode, layer))
      return target.inode
    }
    const inode = { header, layer, member }
    if (header.type === 'directory' && present?.children !== undefined) {
      present.inode = inode
      present.layer = layer
    } else children.set(name, newNode(inode, layer))
    return inode
  }

  return {
    apply(header, layer, member) {
      if (++applied > MAX_FILES) throw tooLarge(`it has more than ${MAX_FILES} files`)
      const names = namesOf(header.path)
      const name = names.at(-1) ?? ''
      if (!name.startsWith(WHITEOUT)) return applyNew(names, header, layer, member)
      const directory = walk(names.slice(0, -1), true)
      if (directory?.children === undefined) return undefined
      if (name === OPAQUE) removeBelow(directory, layer)
      else if (!name.startsWith(`${WHITEOUT}${WHITEOUT}`))
        remove(directory.children, name.slice(WHITEOUT.length), layer)
      return undefined
    },
    find: (path) => walk(path.split('/'), true)?.inode,
    list: (path) => [...(walk(path.split('/'), true)?.children?.keys() ?? [])].sort(),
    entries: () => entriesBelow(root, ''),
  }
}

function* entriesBelow(node: TreeNode, path: string): Generator<{ path: string; inode: Inode }> {
  yield { path, inode: node.inode }
  for (const name of [...(node.children?.keys() ?? [])].sort()) {
    const child = node.children?.get(name)
    if (child !== undefined) yield* entriesBelow(child, path === '' ? name : `${path}/${name}`)
  }
}

function tooLarge(state: string): AppError<'boot-image'> {
  return new AppError('boot-image', `Cannot use the image: ${state}`)
}

function newNode(inode: Inode, layer: number): TreeNode {
  return { inode, layer, children: inode.header.type === 'directory' ? new Map() : undefined }
}

/** A whiteout hides what lower layers have; a directory of this layer keeps what this layer has put into it. */
function remove(children: Map<string, TreeNode>, name: string, layer: number): void {
  const node = children.get(name)
  if (node === undefined) return
  if (node.layer < layer) children.delete(name)
  else removeBelow(node, layer)
}

function removeBelow(node: TreeNode, layer: number): void {
  for (const name of [...(node.children?.keys() ?? [])]) if (node.children) remove(node.children, name, layer)
}

/** @throws `boot-image` for a path that leaves the root */
function namesOf(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '.')
  if (names.includes('..')) throw new AppError('boot-image', `Cannot use the path "${path}": it leaves the image`)
  return names
}
