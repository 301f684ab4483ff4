import { mapParallel } from '../shared/parallel.ts'
import type { BlobDescriptor, BlobOutcome, ContentSource, ContentTarget } from './content.ts'
import type { CopyPlan } from './copy-plan.ts'

/** Told while a copy goes on. */
export interface CopyObserver {
  /** Bytes of a blob were read from the source; negative when they have to be read again. */
  bytes(count: number): void
  blob(blob: BlobDescriptor, outcome: BlobOutcome): void
}

/** What is copied, and under which tag. */
export interface CopyOrder {
  readonly plan: CopyPlan
  readonly tag: string | undefined
  readonly observer?: CopyObserver
}

export const UNOBSERVED: CopyObserver = { bytes: () => undefined, blob: () => undefined }

export interface CopyResult {
  readonly stored: number
  readonly present: number
  readonly mounted: number
  /** Bytes of the blobs that were not there before. */
  readonly bytes: number
}

const PARALLEL = 4

/**
 * Brings everything of the plan into the target: blobs first (four at a time), then manifests from the leaves up, then
 * what hangs on them, and the tag last, so that a copy that is cut off never leaves a name for half an image.
 */
export async function copyTo(
  target: ContentTarget,
  source: ContentSource,
  { plan, tag, observer = UNOBSERVED }: CopyOrder,
  signal: AbortSignal,
): Promise<CopyResult> {
  const count = { stored: 0, present: 0, mounted: 0, bytes: 0 }
  // The largest first: four at a time end together rather than wait for one that began last.
  const blobs = plan.blobs.toSorted((a, b) => b.size - a.size)
  await mapParallel(blobs, PARALLEL, signal, async (blob, stop) => {
    const outcome = await target.putBlob(blob, observedRead(source, blob, observer, stop), stop)
    count[outcome]++
    if (outcome === 'stored') count.bytes += blob.size
    observer.blob(blob, outcome)
  })
  for (const manifest of plan.manifests) await target.putManifest(manifest, signal)
  for (const { tag: name, manifest } of plan.tags) await target.tag(manifest, name, signal)
  if (tag !== undefined) await target.tag(plan.root, tag, signal)
  return count
}

/** Reads that count: a read from the middle again takes back what was counted behind it. */
export function observedRead(
  source: ContentSource,
  blob: BlobDescriptor,
  observer: Pick<CopyObserver, 'bytes'>,
  signal: AbortSignal,
) {
  let counted = 0
  return async function* read(start: number): AsyncGenerator<Uint8Array> {
    observer.bytes(start - counted)
    counted = start
    for await (const chunk of source.blob(blob, start, signal)) {
      counted += chunk.length
      observer.bytes(chunk.length)
      yield chunk
    }
  }
}
