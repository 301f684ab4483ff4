import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { lstat, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { TarHeader, TarType } from '../oci/tar/tar-fields.ts'
import { AppError } from '../shared/errors.ts'
import type { FileContent, RootImage } from './root-image.ts'
import { rootTree } from './root-tree.ts'

const CHUNK = 1024 * 1024

/**
 * A root file system that lies in a directory, such as an unpacked image: owners, modes, links and devices as they are
 * there. Extended attributes are not taken: Node cannot read them. Sockets are left out.
 * @throws `boot-image`
 */
export async function directoryRoot(directory: string, signal: AbortSignal): Promise<RootImage> {
  const tree = rootTree()
  const files: string[] = []
  const byInode = new Map<string, string>()

  async function visit(path: string): Promise<void> {
    const full = join(directory, path)
    const names = await readdir(full).catch(unreadable(full))
    for (const name of names.sort()) {
      signal.throwIfAborted()
      const below = path === '' ? name : `${path}/${name}`
      const header = await headerOf(join(directory, below), below, byInode)
      if (header === undefined) continue
      tree.apply(header, 0, files.length)
      if (header.type === 'file') files.push(below)
      if (header.type === 'directory') await visit(below)
    }
  }

  const top = await headerOf(directory, '', byInode)
  if (top?.type !== 'directory') throw new AppError('boot-image', `Cannot read "${directory}": it is no directory`)
  tree.apply(top, 0, -1)
  await visit('')

  async function* contents(): AsyncGenerator<FileContent> {
    for (const [member, path] of files.entries()) {
      const inode = tree.find(path)
      // Behind a symbolic link in between there would be another file.
      if (inode?.member !== member) throw new AppError('boot-image', `Cannot read "${path}" below "${directory}"`)
      yield { inode, content: () => exactly(join(directory, path), inode.header.size) }
    }
  }
  return { name: `"${directory}"`, tree, contents }
}

async function headerOf(full: string, path: string, byInode: Map<string, string>): Promise<TarHeader | undefined> {
  const stat = await lstat(full).catch(unreadable(full))
  const type = typeOf(stat)
  if (type === undefined) return undefined
  const isDevice = type === 'character' || type === 'block'
  const header = {
    ...{ path, mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid, xattrs: new Map<string, Buffer>() },
    // makedev(3) of Linux: 12 bits of major and 20 of minor, interleaved.
    major: isDevice ? (stat.rdev >>> 8) & 0xfff : 0,
    minor: isDevice ? (stat.rdev & 0xff) | ((stat.rdev >>> 12) & 0xfff00) : 0,
  }
  if (type === 'file' && stat.nlink > 1) {
    const key = `${stat.dev}:${stat.ino}`
    const first = byInode.get(key)
    if (first !== undefined) return { ...header, type: 'link', size: 0, link: first }
    byInode.set(key, path)
  }
  const link = type === 'symlink' ? await targetOf(full) : ''
  return { ...header, type, link, size: type === 'file' ? stat.size : 0 }
}

/** Bytes that are no text would become other bytes on the way. */
async function targetOf(full: string): Promise<string> {
  const target = await readlink(full, { encoding: 'buffer' }).catch(unreadable(full))
  if (!isUtf8(target)) throw new AppError('boot-image', `Cannot read "${full}": the target of the link is not UTF-8`)
  return target.toString()
}

function typeOf(stat: Awaited<ReturnType<typeof lstat>>): TarType | undefined {
  if (stat.isFile()) return 'file'
  if (stat.isDirectory()) return 'directory'
  if (stat.isSymbolicLink()) return 'symlink'
  if (stat.isCharacterDevice()) return 'character'
  if (stat.isBlockDevice()) return 'block'
  return stat.isFIFO() ? 'fifo' : undefined
}

/** The header has told the size: a file that grows or shrinks meanwhile would spoil everything behind it. */
async function* exactly(path: string, size: number): AsyncGenerator<Uint8Array> {
  let seen = 0
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK }) as AsyncIterable<Buffer>) {
    seen += chunk.length
    if (seen > size) break
    yield chunk
  }
  if (seen !== size) throw new AppError('boot-image', `Cannot read "${path}": it changed while it was read`)
}

function unreadable(path: string): (cause: unknown) => never {
  return (cause) => {
    throw new AppError('boot-image', `Cannot read "${path}"`, { cause })
  }
}
