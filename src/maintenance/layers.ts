import type { BlobDescriptor, ContentSource } from '../oci/content.ts'
import { checkedContent } from '../oci/digester.ts'
import { choosePlatform, parseManifest } from '../oci/manifest.ts'
import type { TarMember } from '../oci/tar/tar-read.ts'
import { readTar } from '../oci/tar/tar-read.ts'
import { decompressed } from '../shared/decompress.ts'
import { AppError } from '../shared/errors.ts'
import type { RootImage } from './root-image.ts'
import type { Inode } from './root-tree.ts'
import { rootTree } from './root-tree.ts'

/**
 * The root file system of a container image. Each layer is read twice: once for its names, once for its contents, so that
 * nothing is unpacked anywhere. The first reading checks the digests.
 * @throws `not-found`, `registry-answer`, `digest-mismatch`, `boot-image`
 */
export async function imageRoot(
  source: ContentSource,
  reference: string,
  architecture: string,
  signal: AbortSignal,
): Promise<RootImage> {
  const layers = await layersOf(source, reference, architecture, signal)
  const tree = rootTree()
  for (const [layer, blob] of layers.entries()) {
    let member = 0
    for await (const { header } of layerMembers(source, blob, true, signal)) tree.apply(header, layer, member++)
  }
  return {
    name: `${source.name}:${reference}`,
    tree,
    contents: (stop) => contentsOf(source, layers, new Set([...tree.entries()].map(({ inode }) => inode)), stop),
  }
}

async function* contentsOf(
  source: ContentSource,
  layers: readonly BlobDescriptor[],
  wanted: ReadonlySet<Inode>,
  signal: AbortSignal,
) {
  const byPlace = new Map([...wanted].map((inode) => [`${inode.layer}:${inode.member}`, inode]))
  for (const [layer, blob] of layers.entries()) {
    let member = 0
    for await (const { header, content } of layerMembers(source, blob, false, signal)) {
      const inode = byPlace.get(`${layer}:${member++}`)
      if (inode !== undefined && header.type === 'file') yield { inode, content }
    }
  }
}

/** Manifest, through an index to linux and the architecture. */
async function layersOf(
  source: ContentSource,
  reference: string,
  architecture: string,
  signal: AbortSignal,
): Promise<readonly BlobDescriptor[]> {
  for (let name = reference, depth = 0; depth < 3; depth++) {
    const document = await source.manifest(name, signal)
    if (document === undefined) {
      throw new AppError('not-found', `Cannot read ${source.name}: it has no manifest "${name || 'without a name'}"`)
    }
    const manifest = parseManifest(document.content.toString('utf8'))
    if (manifest.kind === 'image') return manifest.layers
    name = choosePlatform(manifest.manifests, architecture).digest
  }
  throw new AppError('registry-answer', `Cannot use ${source.name}: an index in an index in an index`)
}

async function* layerMembers(
  source: ContentSource,
  blob: BlobDescriptor,
  check: boolean,
  signal: AbortSignal,
): AsyncGenerator<TarMember> {
  const bytes = source.blob(blob, 0, signal)
  yield* readTar(decompressed(check ? checkedContent(bytes, blob.digest) : bytes), `the layer ${blob.digest}`)
}
