import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Digest } from '../shared/digest.ts'
import { hashFor, sha256 } from '../shared/digest.ts'
import { AppError } from '../shared/errors.ts'
import { mapParallel } from '../shared/parallel.ts'
import type { ContentSource, ManifestDocument } from './content.ts'
import type { CopyObserver, CopyResult } from './copy.ts'
import { observedRead } from './copy.ts'
import type { Descriptor } from './manifest.ts'
import { parseManifest } from './manifest.ts'
import { hashAll, storeBlob } from './partial-file.ts'

/** image-spec "Guidance for an Empty Descriptor". */
const EMPTY = { mediaType: 'application/vnd.oci.empty.v1+json', digest: sha256('{}'), size: 2, data: 'e30=' } as const
const IMAGE_TYPE = 'application/vnd.oci.image.manifest.v1+json'
const TITLE = 'org.opencontainers.image.title'
const PARALLEL = 4

/** What oras calls artifacts of which nothing is said. */
export const UNKNOWN_ARTIFACT = 'application/vnd.unknown.artifact.v1'

export interface PackOptions {
  /** Media type of every file. */
  readonly mediaType: string
  readonly artifactType: string
}

/**
 * Files as an artifact of one layer each (image-spec "Guidelines for Artifact Usage"), titled with their base names. The
 * same files give the same manifest: there is no date in it.
 * @throws `request-invalid`
 */
export async function fileSource(
  paths: readonly string[],
  { mediaType, artifactType }: PackOptions,
  signal: AbortSignal,
): Promise<ContentSource & { readonly root: ManifestDocument }> {
  const titles = paths.map((path) => basename(path))
  const twice = titles.find((title, index) => titles.indexOf(title) !== index)
  if (twice !== undefined) throw new AppError('request-invalid', `Cannot push two files of the name "${twice}"`)
  const layers = await mapParallel(paths, PARALLEL, signal, async (path, stop) => {
    const { digest, size } = await hashFile(path, stop)
    return { mediaType, digest, size, annotations: { [TITLE]: basename(path) } }
  })
  const document = { schemaVersion: 2, mediaType: IMAGE_TYPE, artifactType, config: EMPTY, layers }
  const content = Buffer.from(JSON.stringify(document))
  const root = { digest: sha256(content), mediaType: IMAGE_TYPE, content }
  const places = new Map(layers.map(({ digest }, index) => [digest, paths[index] ?? '']))
  return {
    name: paths.length === 1 ? `"${paths[0]}"` : `${paths.length} files`,
    root,
    manifest: async (reference) => (reference === '' || reference === root.digest ? root : undefined),
    referrers: async () => [],
    async *blob({ digest }, start) {
      const path = places.get(digest)
      if (path !== undefined) yield* createReadStream(path, { start, highWaterMark: 1 << 20 })
      else yield Buffer.from('{}').subarray(start)
    },
  }
}

/**
 * Writes the layers of an artifact as files into a directory, by their titles, each as `NAME.partial` until it is complete.
 * @throws `registry-answer` for a title that is no plain relative path, `digest-mismatch`
 */
export async function unpackFiles(
  source: ContentSource,
  root: ManifestDocument,
  directory: string,
  observer: CopyObserver,
  signal: AbortSignal,
): Promise<CopyResult & { readonly files: readonly string[] }> {
  const manifest = parseManifest(root.content.toString('utf8'))
  if (manifest.kind === 'index') throw new AppError('registry-answer', 'Cannot unpack an index: name one of its images')
  const named = manifest.layers.map((layer) => ({ layer, name: fileName(layer) }))
  const names = named.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new AppError('registry-answer', `Cannot unpack the artifact: two files are "${twice}"`)
  const count = { stored: 0, present: 0, mounted: 0, bytes: 0 }
  await mapParallel(named, PARALLEL, signal, async ({ layer, name }, stop) => {
    const path = join(directory, name)
    // The digest is in the name, so that what is left of another version is not gone on with.
    const partial = `${path}.${layer.digest.slice(7, 19)}.partial`
    const read = observedRead(source, layer, observer, stop)
    const outcome = await storeBlob({ path, partial, named: false }, layer, read, stop)
    count[outcome]++
    if (outcome === 'stored') count.bytes += layer.size
    observer.blob(layer, outcome)
  })
  return { ...count, files: names }
}

/** A title comes from elsewhere: it must not lead out of the directory, nor hide in a terminal. */
function fileName({ title, digest }: Descriptor): string {
  if (title === undefined || title === '') return digest.replace(':', '-')
  const parts = title.split('/')
  if (/[\p{Cc}\\]/u.test(title) || parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new AppError('registry-answer', `Cannot unpack the artifact: ${JSON.stringify(title)} is no file name`)
  }
  return title
}

async function hashFile(path: string, signal: AbortSignal): Promise<{ digest: Digest; size: number }> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new AppError('request-invalid', `Cannot read "${path}"`, { cause })
  })
  if (!found.isFile()) throw new AppError('request-invalid', `Cannot push "${path}": it is no file`)
  const hash = hashFor(sha256(''))
  await hashAll(createReadStream(path, { highWaterMark: 1 << 20 }), hash, signal)
  return { digest: `sha256:${hash.digest('hex')}`, size: found.size }
}
