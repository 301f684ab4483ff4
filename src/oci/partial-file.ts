import type { Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { hashFor } from '../shared/digest.ts'
import { AppError } from '../shared/errors.ts'
import { writeAt } from '../shared/file-at.ts'
import { absent } from '../shared/system-error.ts'
import type { BlobDescriptor, BlobOutcome, ReadFrom } from './content.ts'
import { gather } from './gather.ts'

export interface BlobPlace {
  readonly path: string
  readonly partial: string
  /** Whether a file at `path` of the right size is the blob: true where it is named by its digest. */
  readonly named: boolean
}

/**
 * Writes a blob to `path` by way of `partial`, which stays when it is interrupted and is gone on with the next time:
 * what is in it is hashed again, the rest is read. `path` appears when the content is complete, right and on the disk.
 * @throws `digest-mismatch`, and then the partial file is gone
 */
export async function storeBlob(
  { path, partial, named }: BlobPlace,
  blob: BlobDescriptor,
  read: ReadFrom,
  signal: AbortSignal,
): Promise<BlobOutcome> {
  if ((await sizeOf(path)) === blob.size && (named || (await isContent(path, blob, signal)))) return 'present'
  await mkdir(dirname(path), { recursive: true })
  await mkdir(dirname(partial), { recursive: true })
  const hash = hashFor(blob.digest)
  // Not "a": a file that is longer than the blob is begun again.
  const file = await open(partial, (await sizeOf(partial)) === undefined ? 'w+' : 'r+')
  try {
    let size = (await file.stat()).size
    if (size > blob.size) size = 0
    await file.truncate(size)
    if (size > 0) await hashAll(file.createReadStream({ start: 0, end: size - 1, autoClose: false }), hash, signal)
    for await (const chunk of size < blob.size ? gather(read(size)) : []) {
      hash.update(chunk)
      await writeAt(file, chunk, size)
      size += chunk.length
      if (size > blob.size) break
    }
    await file.datasync()
    checkWritten(blob, size, hash)
  } catch (error) {
    if (error instanceof AppError && error.code === 'digest-mismatch') await rm(partial, { force: true })
    throw error
  } finally {
    await file.close()
  }
  await rename(partial, path)
  return 'stored'
}

/** Bytes; undefined when there is no such file. */
export async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(absent))?.size
}

async function isContent(path: string, { digest }: BlobDescriptor, signal: AbortSignal): Promise<boolean> {
  const hash = hashFor(digest)
  await hashAll(createReadStream(path, { highWaterMark: 1 << 20 }), hash, signal)
  return digest.endsWith(`:${hash.digest('hex')}`)
}

export async function hashAll(chunks: AsyncIterable<Buffer>, hash: Hash, signal: AbortSignal): Promise<void> {
  for await (const chunk of chunks) {
    signal.throwIfAborted()
    hash.update(chunk)
  }
}

function checkWritten({ digest, size: expected }: BlobDescriptor, size: number, hash: Hash): void {
  const actual = hash.digest('hex')
  if (size === expected && digest.endsWith(`:${actual}`)) return
  const state = size === expected ? `the content has ${actual}` : `it has ${size} bytes instead of ${expected}`
  throw new AppError('digest-mismatch', `Cannot use ${digest}: ${state}`)
}
