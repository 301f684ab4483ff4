import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { chmod, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { syncDirectory } from '../shared/files.ts'
import { absent } from '../shared/system-error.ts'

const CHUNK_BYTES = 1 << 20

/**
 * Copies a file so that it is there whole or not at all, readable by its owner only, and gives the hash of what was read.
 * Reading and hashing are one pass: what is already rotten shall not become a backup unseen.
 * @param accept told the hash before the copy gets its name; throws to refuse it
 */
export async function copyHashed(
  from: string,
  to: string,
  { algorithm = 'sha256', accept = () => {}, signal }: CopyOptions,
): Promise<{ readonly size: number; readonly hash: string }> {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 })
  const partial = `${to}.partial`
  await rm(partial, { force: true })
  const hash = createHash(algorithm)
  let size = 0
  const counted = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk)
      size += chunk.length
      done(null, chunk)
    },
  })
  const target = createWriteStream(partial, { flags: 'wx', mode: 0o600, flush: true })
  try {
    await pipeline(createReadStream(from, { highWaterMark: CHUNK_BYTES }), counted, target, { signal })
    const found = hash.digest('hex')
    accept(found)
    await rename(partial, to)
    await syncDirectory(dirname(to))
    return { size, hash: found }
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
}

export interface CopyOptions {
  readonly algorithm?: 'sha256' | 'sha512'
  readonly accept?: (hash: string) => void
  readonly signal: AbortSignal
}

/** The hash of a file; undefined when there is none. */
export async function hashOf(path: string, algorithm: 'sha256' | 'sha512', signal: AbortSignal) {
  const present = await stat(path).catch(absent)
  if (present === undefined) return undefined
  const hash = createHash(algorithm)
  await pipeline(createReadStream(path, { highWaterMark: CHUNK_BYTES }), hash, { signal })
  return { size: present.size, hash: hash.digest('hex') }
}

/** Flushes a file that somebody else has written, and makes it its owner's. */
export async function settle(path: string): Promise<void> {
  await chmod(path, 0o600)
  const file = await open(path, 'r')
  await file.sync().finally(() => file.close())
}
