import type { Digest } from '../shared/digest.ts'
import { hashFor, isContent } from '../shared/digest.ts'
import type { Logger } from '../shared/log.ts'
import type { Clock } from '../shared/time.ts'
import { sleep } from '../shared/time.ts'
import { OciError } from './errors.ts'
import type { BlobReader, BlobStore, ScrubIndex, StoredBlob } from './storage/storage.ts'

export interface ScrubDeps {
  readonly blobs: Pick<BlobStore, 'open'>
  readonly metadata: ScrubIndex
  readonly clock: Clock
  readonly log: Logger
}

export interface ScrubOptions {
  /** Read no faster; Infinity: as fast as it goes. */
  readonly bytesPerSecond: number
  readonly signal: AbortSignal
}

/** What was looked at, and what is not what its digest says. */
export interface ScrubReport {
  blobs: number
  manifests: number
  bytes: number
  /** All damage that is known, that of earlier rounds included. */
  damaged: readonly Digest[]
}

const CHUNK_BYTES = 256 << 10
const STEP = 100

/**
 * Reads everything again and compares it with its digest, what waited longest first; an interrupted round goes on where
 * it was. What is damaged is unknown to clients from then on, and the next push of it heals it.
 */
export async function scrub(deps: ScrubDeps, { bytesPerSecond, signal }: ScrubOptions): Promise<ScrubReport> {
  const { metadata, clock } = deps
  const report: ScrubReport = { blobs: 0, manifests: 0, bytes: 0, damaged: [] }
  // After all that was stored or checked, in this very millisecond too, and also when the clock was set back.
  const latest = await metadata.latestCheck()
  const started = new Date(Math.max(clock.now().getTime(), latest.getTime()) + 1)
  const pace = pacer(bytesPerSecond, signal)
  for (;;) {
    const step = await metadata.blobsToCheck(started, STEP)
    for (const blob of step) {
      if (await isWhole(deps, blob, pace)) await metadata.noteChecked(blob.digest, blob.version, started)
      else await condemn(deps, blob)
      report.blobs++
      report.bytes += blob.size
    }
    if (step.length === 0) break
  }
  await scrubManifests(deps, pace, report)
  return { ...report, damaged: await metadata.damaged() }
}

/** True also for a blob that is gone or was stored again: the row decides then. */
async function isWhole({ blobs }: ScrubDeps, { digest, size }: StoredBlob, pace: Pace): Promise<boolean> {
  const reader = await openOrNothing(blobs, digest)
  if (reader === undefined) return false
  try {
    return reader.size === size && (await hashOf(reader, digest, pace)) === digest
  } finally {
    await reader.close()
  }
}

async function openOrNothing(blobs: ScrubDeps['blobs'], digest: Digest): Promise<BlobReader | undefined> {
  try {
    return await blobs.open(digest)
  } catch (error) {
    if (error instanceof OciError && error.code === 'BLOB_UNKNOWN') return undefined
    throw error
  }
}

/** A sector that cannot be read (EIO) is damage like a wrong one. */
async function hashOf(reader: BlobReader, digest: Digest, pace: Pace): Promise<string | undefined> {
  const hash = hashFor(digest)
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  for (let at = 0; at < reader.size; ) {
    const count = await reader.read(buffer, at).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EIO') throw error
      return 0
    })
    if (count === 0) return undefined
    hash.update(buffer.subarray(0, count))
    at += count
    await pace(count)
  }
  return `${digest.split(':')[0]}:${hash.digest('hex')}`
}

async function condemn({ metadata, log }: ScrubDeps, blob: StoredBlob & { version: number }): Promise<void> {
  if (!(await metadata.condemnBlob(blob.digest, blob.version))) return
  log.error({ digest: blob.digest, size: blob.size }, 'stored blob is damaged')
}

async function scrubManifests({ metadata, log }: ScrubDeps, pace: Pace, report: ScrubReport): Promise<void> {
  for (let from = 0; ; ) {
    const [manifest] = await metadata.manifestsToCheck(from, 1)
    if (manifest === undefined) return
    from = manifest.id
    report.manifests++
    report.bytes += manifest.content.length
    await pace(manifest.content.length)
    if (isContent(manifest.digest, manifest.content)) continue
    if (!(await metadata.condemnManifest(manifest.digest, manifest.content))) continue
    log.error({ digest: manifest.digest }, 'stored manifest is damaged')
  }
}

type Pace = (bytes: number) => Promise<void>

/** Waits so that all bytes told so far took as long as they should. */
function pacer(bytesPerSecond: number, signal: AbortSignal): Pace {
  const started = performance.now()
  let bytes = 0
  return async (count) => {
    signal.throwIfAborted()
    bytes += count
    const early = (bytes / bytesPerSecond) * 1000 - (performance.now() - started)
    if (early > 10) await sleep(early, signal)
  }
}
