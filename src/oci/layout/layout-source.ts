import { isAttachedTag, referrersTag } from '../../shared/attached-tags.ts'
import { isDigest } from '../../shared/digest.ts'
import { AppError } from '../../shared/errors.ts'
import type { ContentSource, ManifestDocument } from '../content.ts'
import { checkManifest, MAX_MANIFEST_BYTES } from '../content.ts'
import { linksOf, ownMediaType } from '../graph.ts'
import type { LayoutEntry } from './index-file.ts'
import { blobFile, parseIndexFile } from './index-file.ts'

/** The files of a layout, in a directory or in an archive. Paths are relative, with slashes. */
export interface LayoutFiles {
  readonly name: string
  /** Undefined when there is no such file. @throws `size-exceeded` */
  read(path: string, limit: number): Promise<Buffer | undefined>
  /** The bytes from `start` on. @throws `layout-invalid` when there is no such file or when it ends too early */
  stream(path: string, start: number, size: number): AsyncIterable<Uint8Array>
  close(): Promise<void>
}

/** Reads from an OCI image layout (image-spec "image-layout.md"). */
export async function layoutSource(files: LayoutFiles): Promise<ContentSource & { entries: readonly LayoutEntry[] }> {
  const index = await files.read('index.json', MAX_MANIFEST_BYTES)
  if (index === undefined) throw new AppError('layout-invalid', `Cannot use ${files.name}: it has no index.json`)
  const entries = parseIndexFile(index, files.name)

  async function byDigest(entry: Pick<LayoutEntry, 'digest' | 'mediaType'>): Promise<ManifestDocument | undefined> {
    const content = await files.read(blobFile(entry.digest), MAX_MANIFEST_BYTES)
    if (content === undefined) return undefined
    checkManifest(content, entry.digest, entry.digest)
    return { ...entry, content, mediaType: entry.mediaType || ownMediaType(content, entry.digest) }
  }

  async function subjects(): Promise<readonly { digest: LayoutEntry['digest']; subject: string | undefined }[]> {
    const found = await Promise.all(entries.map((entry) => byDigest(entry)))
    return found
      .filter((one) => one !== undefined)
      .map((one) => ({ digest: one.digest, subject: linksOf(one).subject }))
  }
  let known: ReturnType<typeof subjects> | undefined

  return {
    name: files.name,
    entries,
    async manifest(reference) {
      if (isDigest(reference)) {
        const entry = entries.find(({ digest }) => digest === reference)
        return byDigest(entry ?? { digest: reference, mediaType: '' })
      }
      const entry = reference === '' ? await onlyEntry(entries, files.name, subjects) : byTag(entries, reference)
      return entry === undefined ? undefined : byDigest(entry)
    },
    blob: (blob, start) => files.stream(blobFile(blob.digest), start, blob.size),
    async referrers(subject) {
      known ??= subjects()
      const direct = (await known).filter((one) => one.subject === subject).map(({ digest }) => digest)
      const tagged = byTag(entries, referrersTag(subject))
      const list = tagged === undefined ? undefined : await byDigest(tagged)
      const listed = list === undefined ? [] : linksOf(list).manifests.map(({ digest }) => digest)
      return [...new Set([...direct, ...listed])]
    },
  }
}

function byTag(entries: readonly LayoutEntry[], tag: string): LayoutEntry | undefined {
  return entries.find((entry) => entry.tag === tag)
}

/** What a layout without a given tag stands for: its only image. */
async function onlyEntry(
  entries: readonly LayoutEntry[],
  name: string,
  subjects: () => Promise<readonly { digest: string; subject: string | undefined }[]>,
): Promise<LayoutEntry> {
  const attached = new Set((await subjects()).filter(({ subject }) => subject).map(({ digest }) => digest))
  const images = entries.filter(({ tag, digest }) => !attached.has(digest) && !isAttachedTag(tag ?? ''))
  const [only] = images
  if (only !== undefined && new Set(images.map(({ digest }) => digest)).size === 1) return only
  const tags = images.map(({ tag, digest }) => tag ?? digest).join(', ')
  throw new AppError('layout-invalid', `Cannot choose from ${name}: name one of ${tags || 'its images, it has none'}`)
}
