import { open } from 'node:fs/promises'
import type { TarHeader } from '../oci/tar/tar-fields.ts'
import { paddingOf } from '../oci/tar/tar-fields.ts'
import { AppError } from '../shared/errors.ts'
import type { Inode, RootTree } from './root-tree.ts'
import { tarEnd, tarHeader } from './tar-write.ts'

/** The content of a regular file, to be read at once or not at all. */
export interface FileContent {
  readonly inode: Inode
  content(): AsyncIterable<Uint8Array>
}

/** A root file system: layers of a container image, or a directory. */
export interface RootImage {
  /** For messages. */
  readonly name: string
  readonly tree: RootTree
  /** Every regular file that the tree has, and maybe others, in an order that is always the same. */
  contents(signal: AbortSignal): AsyncIterable<FileContent>
}

/**
 * The whole root as one tar stream: directories and everything without content first, then files as the image gives them,
 * then the other names of files. Equal images give equal bytes. Files of `save` are written to those paths on the way.
 */
export async function* rootTar(
  image: RootImage,
  save: ReadonlyMap<Inode, string>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const names = new Map<Inode, string>()
  const links: TarHeader[] = []
  for (const { path, inode } of image.tree.entries()) {
    const { type } = inode.header
    const first = names.get(inode)
    if (first !== undefined)
      links.push({ ...inode.header, path, type: 'link', link: first, size: 0, xattrs: new Map() })
    else {
      names.set(inode, path)
      if (type !== 'file') yield tarHeader({ ...inode.header, path: type === 'directory' ? `${path || '.'}/` : path })
    }
  }
  let missing = [...names.keys()].filter(({ header }) => header.type === 'file').length
  for await (const { inode, content } of image.contents(signal)) {
    const path = names.get(inode)
    if (path === undefined || inode.header.type !== 'file') continue
    yield tarHeader({ ...inode.header, path })
    yield* saved(content(), save.get(inode))
    yield Buffer.alloc(paddingOf(inode.header.size))
    missing--
  }
  if (missing !== 0) throw new AppError('boot-image', `Cannot read ${image.name}: it changed while it was read`)
  for (const link of links) yield tarHeader(link)
  yield tarEnd()
}

async function* saved(content: AsyncIterable<Uint8Array>, path: string | undefined): AsyncGenerator<Uint8Array> {
  if (path === undefined) return yield* content
  const file = await open(path, 'w')
  try {
    for await (const chunk of content) {
      await file.writeFile(chunk)
      yield chunk
    }
  } finally {
    await file.close()
  }
}
