import { createHash } from 'node:crypto'
import type { TarHeader } from '../oci/tar/tar-fields.ts'
import { AppError } from '../shared/errors.ts'
import { TOOL_STORE } from '../shared/task/tool-image.ts'
import type { FileContent, RootImage } from './root-image.ts'
import type { Inode } from './root-tree.ts'
import { rootTree } from './root-tree.ts'

/** Paths in an image do not begin with a slash. */
export const STORE = TOOL_STORE.slice(1)

/** Nobody pulls this image again, so it has the day of every date in our images. */
const CREATED = '1980-01-01T00:00:00Z'

/**
 * The system with a read-only container image store in it that holds one image, in the layout of containers/storage's
 * overlay driver: podman then starts the image without pulling or copying anything. All layers are put together into
 * one: a container starts the quicker.
 */
export async function withTools(
  system: RootImage,
  tools: RootImage,
  name: string,
  signal: AbortSignal,
): Promise<RootImage> {
  const tree = rootTree()
  const moved = new Map<Inode, Inode>()

  function graft(image: RootImage, layer: number, prefix: string): void {
    const seen = new Map<Inode, string>()
    let member = 0
    for (const { path, inode } of image.tree.entries()) {
      const target = prefix === '' ? path : path === '' ? prefix : `${prefix}/${path}`
      const first = seen.get(inode)
      seen.set(inode, first ?? target)
      const header: TarHeader =
        first === undefined
          ? { ...inode.header, path: target }
          : { ...inode.header, path: target, type: 'link', link: first }
      const made = tree.apply(header, layer, member++)
      if (first === undefined && made !== undefined) moved.set(inode, made)
    }
  }

  const id = await identityOf(tools, signal)
  graft(system, 0, '')
  graft(tools, 1, `${STORE}/overlay/${id}/diff`)
  const files = storeFiles(id, name)
  for (const [member, { header }] of files.entries()) tree.apply(header, 2, member)

  async function* contents(signal: AbortSignal): AsyncGenerator<FileContent> {
    for (const image of [system, tools]) {
      for await (const { inode, content } of image.contents(signal)) {
        const there = moved.get(inode)
        if (there !== undefined) yield { inode: there, content }
      }
    }
    for (const { header, text } of files) {
      const inode = header.type === 'file' ? tree.find(header.path) : undefined
      if (inode !== undefined) yield { inode, content: () => once(text) }
    }
  }
  return { name: system.name, tree, contents }
}

/**
 * What the image is, by its files and all their bytes: podman takes a layer of a known number for one it knows, so another
 * build of a tool must have another. The contents are read once more for it.
 */
async function identityOf(image: RootImage, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  const names = new Map<Inode, string>()
  for (const { path, inode } of image.tree.entries()) {
    const { xattrs, ...header } = inode.header
    const attributes = [...xattrs].map(([key, value]) => [key, value.toString('hex')]).sort()
    hash.update(`${JSON.stringify([path, header, attributes])}\n`)
    names.set(inode, path)
  }
  if (names.size < 2) throw new AppError('boot-image', 'Cannot embed the image of the tools: it is empty')
  for await (const { inode, content } of image.contents(signal)) {
    const path = names.get(inode)
    if (path === undefined) continue
    hash.update(`${JSON.stringify(path)}\n`)
    for await (const chunk of content()) hash.update(chunk)
  }
  return hash.digest('hex')
}

interface StoreFile {
  readonly header: TarHeader
  readonly text: string
}

/**
 * What containers/storage reads beside the files of the image: the lists of layers and images, the image's configuration
 * and manifest, and the short name of its layer.
 */
function storeFiles(id: string, name: string): StoreFile[] {
  const config = JSON.stringify({
    created: CREATED,
    architecture: 'amd64',
    os: 'linux',
    config: { Cmd: ['/bin/bash'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${id}`] },
    history: [{ created: CREATED }],
  })
  const imageId = sha256(config)
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: `sha256:${imageId}`, size: config.length },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: `sha256:${id}`, size: 0 }],
  })
  const digest = `sha256:${sha256(manifest)}`
  const data = { [`sha256:${imageId}`]: config, manifest, [`manifest-${digest}`]: manifest }
  const each = (value: (text: string) => unknown) =>
    Object.fromEntries(Object.entries(data).map(([key, text]) => [key, value(text)]))
  const image = {
    ...{ id: imageId, digest, names: [name], layer: id, metadata: '{}', created: CREATED },
    'big-data-names': Object.keys(data),
    'big-data-sizes': each((text) => text.length),
    'big-data-digests': each((text) => `sha256:${sha256(text)}`),
  }
  const layer = {
    id,
    created: CREATED,
    'diff-digest': `sha256:${id}`,
    'diff-size': 0,
    'compressed-diff-digest': `sha256:${id}`,
  }
  // Names of 26 characters keep the mount options of many layers below a page.
  const short = id.slice(0, 26).toUpperCase()
  return [
    file('overlay-layers/layers.json', JSON.stringify([layer])),
    file('overlay-layers/layers.lock', ''),
    file('overlay-images/images.json', JSON.stringify([image])),
    file('overlay-images/images.lock', ''),
    ...Object.entries(data).map(([key, text]) => file(`overlay-images/${imageId}/${dataFileName(key)}`, text)),
    file(`overlay/${id}/link`, short),
    directory(`overlay/${id}/work`),
    symlink(`overlay/l/${short}`, `../${id}/diff`),
    file('storage.lock', ''),
  ]
}

/** containers/storage encodes every name that is not letters, digits and dots (images.go, bigDataNameIsManifest …). */
function dataFileName(key: string): string {
  return /^[A-Za-z0-9.]+$/.test(key) ? key : `=${Buffer.from(key).toString('base64')}`
}

function file(path: string, text: string): StoreFile {
  return { header: { ...COMMON, path: `${STORE}/${path}`, type: 'file', mode: 0o644, size: text.length }, text }
}

function directory(path: string): StoreFile {
  return { header: { ...COMMON, path: `${STORE}/${path}`, type: 'directory', mode: 0o755 }, text: '' }
}

function symlink(path: string, link: string): StoreFile {
  return { header: { ...COMMON, path: `${STORE}/${path}`, type: 'symlink', mode: 0o777, link }, text: '' }
}

const COMMON = { uid: 0, gid: 0, size: 0, link: '', major: 0, minor: 0, xattrs: new Map<string, Buffer>() }

async function* once(text: string): AsyncGenerator<Uint8Array> {
  if (text !== '') yield Buffer.from(text)
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
