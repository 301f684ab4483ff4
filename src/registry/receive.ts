import type { Hash } from 'node:crypto'
import { OciError } from './errors.ts'
import type { RequestBody } from './request-body.ts'
import type { UploadWriter } from './storage/storage.ts'

/** Chunks of the network are gathered to this before they are written: fewer system calls, same memory. */
const BATCH_BYTES = 1 << 20

/** How often the free space is looked at when the length is not known. */
const SPACE_CHECK_BYTES = 64 << 20

export interface ReceiveOptions {
  /** Bytes that may be received; undefined when there is no limit. */
  readonly limit: number | undefined
  readonly isCancelled: () => boolean
  /** Throws STORAGE_FULL when `bytes` more cannot be stored. */
  readonly ensureSpace: (bytes: number) => Promise<void>
}

/**
 * Streams a body into a writer and a hash: hashed on arrival, one write in flight while the next batch is gathered.
 * What arrived before the client went away is written, and then the error is thrown.
 */
export async function receiveInto(
  writer: UploadWriter,
  hash: Hash,
  body: RequestBody,
  { limit, isCancelled, ensureSpace }: ReceiveOptions,
): Promise<void> {
  if (body.length !== 0) await ensureSpace(body.length ?? SPACE_CHECK_BYTES)
  let batch: Uint8Array[] = []
  let batched = 0
  let received = 0
  let writing = Promise.resolve()

  async function flush(): Promise<void> {
    await writing
    const full = batch
    batch = []
    batched = 0
    writing = writer.append(full)
    // Awaited at the next flush; until then a failure is not an unhandled one.
    writing.catch(() => {})
  }

  try {
    for await (const chunk of body.chunks) {
      if (isCancelled()) throw new OciError('BLOB_UPLOAD_UNKNOWN', { reason: 'the upload was cancelled' })
      received += chunk.length
      if (limit !== undefined && received > limit) throw new OciError('SIZE_INVALID', { expected: limit })
      hash.update(chunk)
      batch.push(chunk)
      batched += chunk.length
      if (batched < BATCH_BYTES) continue
      if (body.length === undefined && crossed(received, batched)) await ensureSpace(SPACE_CHECK_BYTES)
      await flush()
    }
  } finally {
    if (!isCancelled()) await flush()
    await writing
  }
}

function crossed(received: number, batched: number): boolean {
  return Math.floor(received / SPACE_CHECK_BYTES) > Math.floor((received - batched) / SPACE_CHECK_BYTES)
}
