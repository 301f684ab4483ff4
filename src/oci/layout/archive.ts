import type { FileHandle } from 'node:fs/promises'
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { hashFor } from '../../shared/digest.ts'
import { AppError } from '../../shared/errors.ts'
import { readAt, writeAt } from '../../shared/file-at.ts'
import { syncDirectory } from '../../shared/files.ts'
import type { BlobDescriptor, ContentSource } from '../content.ts'
import type { CopyOrder, CopyResult } from '../copy.ts'
import { observedRead, UNOBSERVED } from '../copy.ts'
import type { CopyPlan } from '../copy-plan.ts'
import { gather } from '../gather.ts'
import { linksOf } from '../graph.ts'
import { BLOCK } from '../tar/tar-fields.ts'
import type { NamedManifest } from './index-file.ts'
import { blobFile, indexFile, mergeEntries, OCI_LAYOUT } from './index-file.ts'
import type { LayoutFiles } from './layout-source.ts'
import { decodeHeader, decodePax, encodeHeader, padded } from './tar-header.ts'

/** Names and pax records are small; more than this is no layout. */
const MAX_HEADER_BYTES = 1 << 20
const CHUNK = 1 << 20

interface Place {
  readonly offset: number
  readonly size: number
}

/** A layout in a tar file. Only its headers are read when it is opened. @throws `layout-invalid` */
export async function archiveFiles(path: string): Promise<LayoutFiles> {
  const name = `the archive "${path}"`
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw new AppError('layout-invalid', `Cannot open ${name}`, { cause })
  })
  const places = await scan(file, name).catch(async (error: unknown) => {
    await file.close()
    throw error
  })
  return {
    name,
    async read(inner, limit) {
      const place = places.get(inner)
      if (place === undefined) return undefined
      if (place.size > limit) throw new AppError('size-exceeded', `Cannot read ${inner}: more than ${limit} bytes`)
      return bytesAt(file, place.offset, place.size)
    },
    async *stream(inner, start, size) {
      const place = places.get(inner)
      if (place?.size !== size) {
        const state = place === undefined ? 'it is missing' : `it has ${place.size} bytes instead of ${size}`
        throw new AppError('layout-invalid', `Cannot read ${inner} of ${name}: ${state}`)
      }
      for (let at = start; at < size; ) {
        const chunk = await bytesAt(file, place.offset + at, Math.min(CHUNK, size - at))
        if (chunk.length === 0) throw new AppError('layout-invalid', `Cannot read ${inner} of ${name}: it is cut off`)
        at += chunk.length
        yield chunk
      }
    },
    close: () => file.close(),
  }
}

async function scan(file: FileHandle, name: string): Promise<Map<string, Place>> {
  const places = new Map<string, Place>()
  let named: { path?: string; size?: number } = {}
  for (let at = 0; ; ) {
    const header = await bytesAt(file, at, BLOCK)
    if (header.length < BLOCK) break
    const entry = decodeHeader(header, name)
    if (entry === undefined) break
    const offset = at + BLOCK
    const size = entry.type === 'file' ? (named.size ?? entry.size) : entry.size
    // A negative size leads back to a header that was read.
    if (size < 0 || ![size, offset + padded(size)].every(Number.isSafeInteger)) {
      throw new AppError('layout-invalid', `Cannot use ${name}: the size of "${entry.name}" is no number`)
    }
    if (entry.type === 'pax' || entry.type === 'gnu-long-name') {
      if (size > MAX_HEADER_BYTES) throw new AppError('layout-invalid', `Cannot use ${name}: a header is too large`)
      const content = await bytesAt(file, offset, size)
      named = entry.type === 'pax' ? decodePax(content, name) : { path: content.toString('utf8').replace(/\0.*$/s, '') }
    } else if (entry.type !== 'pax-global') {
      if (entry.type === 'file') places.set((named.path ?? entry.name).replace(/^\.\//, ''), { offset, size })
      named = {}
    }
    at = offset + padded(size)
  }
  return places
}

/** Fewer than `length` bytes only where the archive ends. */
async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  return buffer.subarray(0, await readAt(file, buffer, position))
}

/** One file of the archive: bytes that are there, or a blob that has to be read. */
interface Piece {
  readonly path: string
  readonly size: number
  readonly content?: Buffer
  readonly blob?: BlobDescriptor
}

/**
 * Writes a layout as a tar file, the same bytes for the same content: `oci-layout`, `index.json`, then blobs and manifests
 * by digest. What is written is `PATH.partial` until it is complete; an interrupted one is gone on with, because every
 * size, and so every place, is known before.
 * @throws `digest-mismatch`
 */
export async function writeArchive(
  path: string,
  source: ContentSource,
  { plan, tag, observer = UNOBSERVED }: CopyOrder,
  signal: AbortSignal,
): Promise<CopyResult> {
  const partial = `${path}.partial`
  const file = await open(partial, 'r+').catch(() => open(partial, 'w+'))
  const count = { stored: 0, present: 0, mounted: 0, bytes: 0 }
  try {
    let end = (await file.stat()).size
    let at = 0
    for (const { path: name, size, content, blob } of pieces(plan, tag)) {
      const header = encodeHeader(name, size)
      // A partial file of another copy: from the first header that differs on everything is written again.
      if (end > at && !(await bytesAt(file, at, header.length)).equals(header.subarray(0, end - at))) {
        end = at
        await file.truncate(at)
      }
      await writeAt(file, header, at)
      const start = at + header.length
      const next = start + padded(size)
      const kept = Math.max(0, Math.min(end - start, size))
      if (content !== undefined) await writeAt(file, content, start)
      if (blob !== undefined) {
        const there = await copyBlob(file, start, kept, blob, observedRead(source, blob, observer, signal))
        count[there ? 'present' : 'stored']++
        if (!there) count.bytes += size
        observer.blob(blob, there ? 'present' : 'stored')
      }
      await writeAt(file, Buffer.alloc(next - start - size), start + size)
      at = next
    }
    // Two blocks of zeros end an archive; ten kibibytes are a record.
    const total = Math.ceil((at + 2 * BLOCK) / 10_240) * 10_240
    await file.truncate(at)
    await file.truncate(total)
    await file.datasync()
  } finally {
    await file.close()
  }
  await rename(partial, path)
  await syncDirectory(dirname(path))
  return count
}

function pieces(plan: CopyPlan, tag: string | undefined): Piece[] {
  const named: NamedManifest[] = [
    { manifest: plan.root, tag },
    ...plan.tags,
    ...plan.manifests
      .filter((manifest) => linksOf(manifest).subject !== undefined)
      .map((manifest) => ({ manifest, tag: undefined })),
  ]
  const text = (path: string, content: Buffer) => ({ path, size: content.length, content })
  const manifests = plan.manifests.map(({ digest, content }) => text(blobFile(digest), content))
  const blobs = plan.blobs.map((blob) => ({ path: blobFile(blob.digest), size: blob.size, blob }))
  const unique = new Map([...blobs, ...manifests].map((piece) => [piece.path, piece]))
  return [
    text('oci-layout', Buffer.from(OCI_LAYOUT)),
    text('index.json', Buffer.from(indexFile(mergeEntries([], named)))),
    ...[...unique.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1)),
  ]
}

/** True when all of it was there. What is there is hashed again, so a partial file is trusted no more than a network. */
async function copyBlob(
  file: FileHandle,
  start: number,
  kept: number,
  blob: BlobDescriptor,
  read: (start: number) => AsyncIterable<Uint8Array>,
): Promise<boolean> {
  const hash = hashFor(blob.digest)
  for (let at = 0; at < kept; at += CHUNK) hash.update(await bytesAt(file, start + at, Math.min(CHUNK, kept - at)))
  let size = kept
  for await (const chunk of kept < blob.size ? gather(read(kept)) : []) {
    hash.update(chunk)
    await writeAt(file, chunk, start + size)
    size += chunk.length
  }
  if (size === blob.size && blob.digest.endsWith(`:${hash.digest('hex')}`)) return kept === blob.size
  // The next try reads this blob from its beginning.
  await file.truncate(start)
  throw new AppError('digest-mismatch', `Cannot use ${blob.digest}: the content is another one`)
}
