import { readFile } from 'node:fs/promises'
import type { Inode, RootTree } from './root-tree.ts'

/** Where an image links to the Quadlets whose images belong to it (bootc, "logically bound images"). */
const LIST = 'usr/lib/bootc/bound-images.d'

/** The files that the list leads to. */
export function boundQuadlets(tree: RootTree): Inode[] {
  const found = tree.list(LIST).flatMap((name) => tree.find(`${LIST}/${name}`) ?? [])
  return found.filter(({ header }) => header.type === 'file')
}

/** Names of the container images in those files (podman-systemd.unit(5), `Image=`), each once; some name a unit that brings the image. */
export async function imagesOf(paths: readonly string[]): Promise<string[]> {
  const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8')))
  const names = texts.flatMap((text) => /^Image=\s*(\S+)/m.exec(text)?.[1] ?? [])
  return [...new Set(names)].filter((name) => !/\.(image|build)$/.test(name)).sort()
}
