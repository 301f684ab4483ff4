import type { Digest } from '../shared/digest.ts'
import type { Logger } from '../shared/log.ts'
import type { Clock } from '../shared/time.ts'
import { sleep } from '../shared/time.ts'
import type { Exclusive } from './digest-lock.ts'
import { planCollection } from './gc-plan.ts'
import type { RetentionPolicy } from './retention.ts'
import { retentionOf } from './retention.ts'
import type { BlobStore, GarbageIndex, StoredBlob, UploadStore } from './storage/storage.ts'
import type { UploadSessions } from './upload-sessions.ts'

export interface GarbageDeps {
  readonly blobs: Pick<BlobStore, 'list' | 'delete'>
  readonly uploads: Pick<UploadStore, 'list' | 'size'>
  readonly metadata: GarbageIndex
  readonly sessions: Pick<UploadSessions, 'sweep'>
  readonly exclusive: Exclusive
  readonly retention: () => RetentionPolicy
  readonly clock: Clock
  readonly log: Logger
}

export interface GarbageOptions {
  /** Milliseconds in which what nothing needs stays: a push may be about to need it, a pull may be under way. */
  readonly graceMs: number
  /** Only tell what would go. */
  readonly dryRun: boolean
  readonly signal: AbortSignal
}

/** What went, or would go. Blobs are content that nothing needed, orphans files that no row knows. */
export interface GarbageReport {
  dryRun: boolean
  tags: number
  manifests: number
  blobs: number
  orphans: number
  uploads: number
  /** Of blobs, orphans and uploads. */
  bytes: number
  /** Bytes nothing needs, which stay until their grace is over. Known to a dry run only. */
  waitingBytes: number
}

/** A session nobody has touched for this long is abandoned. */
export const IDLE_UPLOAD_MS = 24 * 3_600_000

/** Rows in one step, and the rest between two: requests come first. */
const STEP = 250
const PAUSE_MS = 2

/**
 * One round of garbage collection, beside pushes and pulls. Nothing is locked but one digest at a time, each change looks
 * again before it acts, and it may end after any step: the next round goes on.
 */
export async function collectGarbage(deps: GarbageDeps, options: GarbageOptions): Promise<GarbageReport> {
  const now = deps.clock.now()
  const round: Round = {
    ...deps,
    ...options,
    now,
    before: new Date(now.getTime() - options.graceMs),
    report: {
      dryRun: options.dryRun,
      tags: 0,
      manifests: 0,
      blobs: 0,
      orphans: 0,
      uploads: 0,
      bytes: 0,
      waitingBytes: 0,
    },
  }
  const doomed = await collectManifests(round)
  if (options.dryRun) await countBlobs(round, doomed)
  else await collectBlobs(round)
  await collectOrphans(round)
  await collectUploads(round)
  return round.report
}

interface Round extends GarbageDeps, GarbageOptions {
  readonly now: Date
  readonly before: Date
  readonly report: GarbageReport
}

async function collectManifests(round: Round): Promise<ReadonlyMap<string, readonly Digest[]>> {
  const { metadata, report, now, before, signal } = round
  const policy = round.retention()
  const doomed = new Map<string, readonly Digest[]>()
  for (const repository of await metadata.garbageRepositories(policy.retention.length > 0 ? undefined : before)) {
    await sleep(PAUSE_MS, signal)
    const plan = planCollection(await metadata.contents(repository), retentionOf(policy, repository), { now, before })
    for (const tag of plan.tags) {
      if (round.dryRun || (await metadata.expireTag(repository, tag, now))) report.tags++
    }
    for (const { manifest, tags } of plan.manifests) {
      signal.throwIfAborted()
      if (round.dryRun || (await metadata.collectManifest(repository, manifest, { tags, at: now }))) report.manifests++
    }
    doomed.set(
      repository,
      plan.manifests.map(({ manifest }) => manifest.digest),
    )
  }
  return doomed
}

async function countBlobs({ metadata, before, report, signal }: Round, doomed: ReadonlyMap<string, readonly Digest[]>) {
  for await (const step of metadata.reclaimable(before, doomed)) {
    for (const { size, waiting } of step) {
      if (waiting) report.waitingBytes += size
      else addTo(report, 'blobs', size)
    }
    await sleep(PAUSE_MS, signal)
  }
}

async function collectBlobs(round: Round): Promise<void> {
  const { metadata, signal, before } = round
  for (let from: string | undefined = ''; from !== undefined; ) {
    const { next }: { next?: string } = await metadata.lapseBlobs(before, from, STEP)
    from = next
    await sleep(PAUSE_MS, signal)
  }
  for (let from: string | undefined = ''; from !== undefined; ) {
    const step: { blobs: readonly StoredBlob[]; next?: string } = await metadata.unheldBlobs(from, STEP)
    for (const blob of step.blobs) {
      signal.throwIfAborted()
      if (await deleteBlob(round, blob.digest)) addTo(round.report, 'blobs', blob.size)
    }
    from = step.next
    await sleep(PAUSE_MS, signal)
  }
}

/** Known to nobody, then gone, then forgotten: a crash in between leaves a row that says so. */
async function deleteBlob(
  { metadata, blobs, exclusive }: Pick<Round, 'metadata' | 'blobs' | 'exclusive'>,
  digest: Digest,
) {
  return exclusive(digest, async () => {
    if (!(await metadata.startDeleting(digest))) return false
    await blobs.delete(digest)
    await metadata.finishDeleting(digest)
    return true
  })
}

/** Finishes what a crash interrupted; at the start, before the first request. */
export async function finishDeletions({ metadata, blobs }: Pick<GarbageDeps, 'metadata' | 'blobs'>): Promise<void> {
  for (const digest of await metadata.interruptedDeletions()) {
    await blobs.delete(digest)
    await metadata.finishDeleting(digest)
  }
}

/** Files that a crash left between their rename and their row. */
async function collectOrphans(round: Round): Promise<void> {
  const { blobs, metadata, before, dryRun, report, signal } = round
  let looked = 0
  for await (const step of blobs.list()) {
    for (const { digest, size, storedAt } of step) {
      if (storedAt > before || (await metadata.knowsBlob(digest))) continue
      if (dryRun || (await deleteOrphan(round, digest))) addTo(report, 'orphans', size)
    }
    if (looked + step.length >= STEP) await sleep(PAUSE_MS, signal)
    looked = (looked + step.length) % STEP
  }
}

async function deleteOrphan({ metadata, blobs, exclusive }: Round, digest: Digest): Promise<boolean> {
  return exclusive(digest, async () => {
    // Whoever was about to give it a row has done so by now.
    if (await metadata.knowsBlob(digest)) return false
    await blobs.delete(digest)
    return true
  })
}

async function collectUploads({ uploads, sessions, now, dryRun, report }: Round): Promise<void> {
  const before = new Date(now.getTime() - IDLE_UPLOAD_MS)
  for (const { id, lastActivity } of await uploads.list()) {
    if (lastActivity < before) addTo(report, 'uploads', (await uploads.size(id)) ?? 0)
  }
  if (!dryRun) await sessions.sweep(before, false)
}

function addTo(report: GarbageReport, what: 'blobs' | 'orphans' | 'uploads', bytes: number): void {
  report[what]++
  report.bytes += bytes
}
