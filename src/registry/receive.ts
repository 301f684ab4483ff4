import type { Hash } from 'node:crypto'
import { seenLater } from '../shared/time.ts'
import { OciError } from './errors.ts'
import type { RequestBody } from './request-body.ts'
import type { UploadWriter } from './storage/storage.ts'

/**
 * What arrives is copied into buffers of this size before it is hashed and written. The copy costs less than what it saves:
 * the network's small buffers are free again at once, and each write is a journey to another thread.
 */
const BATCH_BYTES = 512 << 10

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
 * Streams a body into a writer and a hash: one batch is written while the next one is gathered.
 * What arrived before the client went away is written, and then the error is thrown.
 */
export async function receiveInto(
  writer: UploadWriter,
  hash: Hash,
  body: RequestBody,
  { limit, isCancelled, ensureSpace }: ReceiveOptions,
): Promise<void> {
  if (body.length !== 0) await ensureSpace(body.length ?? SPACE_CHECK_BYTES)
  const batches = batchWriter(writer, hash, Math.min(BATCH_BYTES, body.length || BATCH_BYTES))
  let received = 0
  try {
    for await (const chunk of body.chunks) {
      if (isCancelled()) throw new OciError('BLOB_UPLOAD_UNKNOWN', { reason: 'the upload was cancelled' })
      received += chunk.length
      if (limit !== undefined && received > limit) throw new OciError('SIZE_INVALID', { expected: limit })
      const flushed = batches.add(chunk)
      if (flushed !== undefined) await flushed
      if (body.length === undefined && crossed(received, chunk.length)) await ensureSpace(SPACE_CHECK_BYTES)
    }
  } finally {
    await batches.end()
  }
}

/** Two buffers: one is filled while the other is written. */
function batchWriter(writer: UploadWriter, hash: Hash, size: number) {
  let [current, other] = [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(size)]
  let filled = 0
  let writing = Promise.resolve()

  async function flush(): Promise<void> {
    await writing
    const batch = current.subarray(0, filled)
    hash.update(batch)
    // Awaited at the next flush.
    writing = seenLater(writer.append([batch]))
    ;[current, other] = [other, current]
    filled = 0
  }

  /** Most chunks only fill the buffer: nothing to wait for. */
  function add(chunk: Uint8Array): Promise<void> | undefined {
    if (chunk.length < size - filled) {
      current.set(chunk, filled)
      filled += chunk.length
      return undefined
    }
    return addAndFlush(chunk)
  }

  async function addAndFlush(chunk: Uint8Array): Promise<void> {
    const taken = size - filled
    current.set(chunk.subarray(0, taken), filled)
    filled = size
    await flush()
    await add(chunk.subarray(taken))
  }

  async function end(): Promise<void> {
    if (filled > 0) await flush()
    await writing
  }

  return { add, end }
}

function crossed(received: number, added: number): boolean {
  return Math.floor(received / SPACE_CHECK_BYTES) > Math.floor((received - added) / SPACE_CHECK_BYTES)
}
