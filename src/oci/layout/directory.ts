import { createReadStream } from 'node:fs'
import { mkdir, open, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../shared/errors.ts'
import { writeFileAtomic } from '../../shared/files.ts'
import { absent } from '../../shared/system-error.ts'
import type { ContentTarget } from '../content.ts'
import { MAX_MANIFEST_BYTES } from '../content.ts'
import { linksOf } from '../graph.ts'
import { sizeOf, storeBlob } from '../partial-file.ts'
import type { NamedManifest } from './index-file.ts'
import { blobFile, indexFile, mergeEntries, OCI_LAYOUT, parseIndexFile } from './index-file.ts'
import type { LayoutFiles } from './layout-source.ts'

/** Where blobs grow: beside `blobs/`, in which other programs expect nothing but blobs. */
const PARTIAL = '.partial'

/** A layout in a directory, for reading. */
export function directoryFiles(root: string): LayoutFiles {
  return {
    name: `the layout "${root}"`,
    async read(path, limit) {
      const size = await sizeOf(join(root, path))
      if (size === undefined) return undefined
      if (size > limit) throw new AppError('size-exceeded', `Cannot read ${path}: it is larger than ${limit} bytes`)
      return readFile(join(root, path))
    },
    async *stream(path, start, size) {
      const found = await sizeOf(join(root, path))
      if (found !== size) {
        const state = found === undefined ? 'it is missing' : `it has ${found} bytes instead of ${size}`
        throw new AppError('layout-invalid', `Cannot read ${path} of "${root}": ${state}`)
      }
      if (start < size) yield* createReadStream(join(root, path), { start, end: size - 1, highWaterMark: 1 << 20 })
    },
    close: async () => {},
  }
}

/** A layout in a directory, for writing; what is in it stays. Close it, or `index.json` does not know what was written. */
export interface DirectoryTarget extends ContentTarget {
  close(): Promise<void>
}

/** @throws `layout-invalid` when the directory holds something else */
export async function directoryTarget(root: string): Promise<DirectoryTarget> {
  await mkdir(join(root, 'blobs'), { recursive: true })
  const present = await readFile(join(root, 'index.json')).catch(absent)
  const entries = present === undefined ? [] : parseIndexFile(present, `the layout "${root}"`)
  if ((await sizeOf(join(root, 'oci-layout'))) === undefined) await writeFile(join(root, 'oci-layout'), OCI_LAYOUT)
  const named: NamedManifest[] = []

  return {
    name: `the layout "${root}"`,
    putBlob(blob, read, signal) {
      const partial = join(root, PARTIAL, blob.digest.replace(':', '-'))
      return storeBlob({ path: join(root, blobFile(blob.digest)), partial, named: true }, blob, read, signal)
    },
    async putManifest(manifest) {
      const { digest, content } = manifest
      if (content.length > MAX_MANIFEST_BYTES) throw new AppError('size-exceeded', `Cannot store ${digest}: too large`)
      const path = join(root, blobFile(digest))
      if ((await sizeOf(path)) !== content.length) await writeFileAtomic(path, content, 0o644)
      // A referrer is found by its subject, so it has to be listed; a part of an index is found by the index.
      if (linksOf(manifest).subject !== undefined) named.push({ manifest, tag: undefined })
    },
    async tag(manifest, tag) {
      named.push({ manifest, tag: tag === '' ? undefined : tag })
    },
    async close() {
      await syncAll(root)
      await writeFileAtomic(join(root, 'index.json'), indexFile(mergeEntries(entries, named)), 0o644)
      await rmdir(join(root, PARTIAL)).catch(() => {}) // Empty, or it keeps what another copy needs.
    },
  }
}

/** The names of the blobs must last before the index that lists them (fsync(2) of directories). */
async function syncAll(root: string): Promise<void> {
  for (const name of ['blobs/sha256', 'blobs/sha512', 'blobs']) {
    const directory = await open(join(root, name), 'r').catch(absent)
    if (directory === undefined) continue
    await directory.sync().finally(() => directory.close())
  }
}
