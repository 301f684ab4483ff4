import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import type { Digest } from '../shared/digest.ts'
import { sha256 } from '../shared/digest.ts'
import { AppError } from '../shared/errors.ts'
import { readAt } from '../shared/file-at.ts'
import { cannot } from '../shared/system-error.ts'
import type { OpenFiles } from './open-files.ts'

const HASHED_AT_A_TIME = 1024 * 1024

/**
 * The content of one file. It never changes: a plan is made of digests, and every read of the plan must give the same
 * bytes. A read that cannot give exactly what was promised throws; it never pads.
 */
export interface Source {
  /** In bytes. */
  readonly size: number
  /** SHA-256 of the bytes. */
  readonly digest: Digest
  /** All of the bytes, when they are in memory: taken without a `read`, which costs more than a small file is long. */
  readonly held?: Uint8Array
  /**
   * Exactly `length` bytes from `offset`. `into` is memory of that length which may be used for them and handed back: new
   * memory for every piece of a large file costs the kernel as much as the reading.
   * @throws `iso-plan` when the content is short or has changed
   */
  read(offset: number, length: number, signal?: AbortSignal, into?: Uint8Array): Promise<Uint8Array>
}

/** Content held in memory. The caller gives the bytes away and does not change them afterwards. */
export function bytesSource(bytes: Uint8Array, digest: Digest = sha256(bytes)): Source {
  return {
    size: bytes.byteLength,
    digest,
    held: bytes,
    async read(offset, length, signal) {
      signal?.throwIfAborted()
      if (offset < 0 || length < 0 || offset + length > bytes.byteLength)
        throw outside(offset, length, bytes.byteLength)
      return bytes.subarray(offset, offset + length)
    },
  }
}

/**
 * A file whose size and digest are known, such as a blob of the registry. Without `files` it is opened for each read, so
 * twenty thousand sources hold no descriptor; with them it stays open for a while. Each read checks size, inode and
 * modification time against the read before.
 */
export function fileSource(path: string, size: number, digest: Digest, files?: OpenFiles): Source {
  return stampedSource(path, size, digest, undefined, files)
}

/** Reads the file once to learn its size and digest. @throws `iso-plan` when it changes meanwhile or is no file. */
export async function fileSourceOf(path: string, signal: AbortSignal, files?: OpenFiles): Promise<Source> {
  signal.throwIfAborted()
  return withFile(path, async (file) => {
    const before = await file.stat({ bigint: true })
    if (!before.isFile()) throw new AppError('iso-plan', `Cannot read "${path}": it is not a regular file`)
    const hash = createHash('sha256')
    for (let at = 0; at < Number(before.size); at += HASHED_AT_A_TIME) {
      signal.throwIfAborted()
      hash.update(await readFully(file, path, at, Math.min(HASHED_AT_A_TIME, Number(before.size) - at)))
    }
    if (stampOf(await file.stat({ bigint: true })) !== stampOf(before)) throw changed(path)
    return stampedSource(path, Number(before.size), `sha256:${hash.digest('hex')}`, stampOf(before), files)
  })
}

/** As `fileSource`; the file must also be the one of which `seen` was taken. */
export function stampedSource(
  path: string,
  size: number,
  digest: Digest,
  seen: string | undefined,
  files: OpenFiles = { use: withFile, close: async () => {} },
): Source {
  let stamp = seen
  return {
    size,
    digest,
    read: async (offset, length, signal, into) => {
      signal?.throwIfAborted()
      if (offset < 0 || length < 0 || offset + length > size) throw outside(offset, length, size)
      return files.use(path, async (file) => {
        const stat = await file.stat({ bigint: true })
        stamp ??= stampOf(stat)
        if (Number(stat.size) !== size || stampOf(stat) !== stamp) throw changed(path)
        return readFully(file, path, offset, length, into)
      })
    },
  }
}

async function readFully(
  file: FileHandle,
  path: string,
  offset: number,
  length: number,
  into?: Uint8Array,
): Promise<Uint8Array> {
  const bytes = into ?? Buffer.allocUnsafe(length)
  const read = await readAt(file, bytes, offset).catch(cannot('iso-plan', `read "${path}"`))
  if (read < length) throw changed(path)
  return bytes
}

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, 'r').catch(cannot('iso-plan', `open "${path}"`))
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

/** What changes when somebody writes to a file or puts another in its place. */
export function stampOf(stat: BigIntStats): string {
  return `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}`
}

export function changed(path: string): AppError<'iso-plan'> {
  return new AppError('iso-plan', `Cannot read "${path}": it changed after the image was planned`, { facts: { path } })
}

function outside(offset: number, length: number, size: number): RangeError {
  return new RangeError(`Cannot read ${length} bytes at ${offset}: the source has ${size}`)
}
