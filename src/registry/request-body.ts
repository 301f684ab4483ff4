import { on } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { OciError } from './errors.ts'
import type { Exchange, Traffic } from './exchange.ts'

/** The body of a request, to be read once. */
export interface RequestBody {
  /** Each is good until the next one is asked for: then its memory is used again. */
  readonly chunks: AsyncIterable<Uint8Array>
  /** Content-Length; undefined with chunked transfer coding. */
  readonly length: number | undefined
}

/** Node's own stream where there is one: going through a web stream costs a copy of each chunk. */
export function requestBody(c: Exchange): RequestBody {
  const length = c.req.header('content-length')
  return {
    chunks: translateErrors(c.env.incoming ?? c.webBody ?? [], c.traffic),
    length: length === undefined || !/^\d+$/.test(length) ? undefined : Number(length),
  }
}

/** Reads a body that must fit into memory. @throws TOO_LARGE (413) */
export async function readBounded({ chunks, length }: RequestBody, maxBytes: number): Promise<Uint8Array> {
  if (length !== undefined && length > maxBytes) throw new OciError('TOO_LARGE', { length, limit: maxBytes })
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.length
    if (size > maxBytes) throw new OciError('TOO_LARGE', { limit: maxBytes })
    parts.push(Buffer.from(chunk))
  }
  return Buffer.concat(parts)
}

async function* translateErrors(
  source: IncomingMessage | ReadableStream<Uint8Array> | Iterable<Uint8Array>,
  traffic: Traffic,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of 'socket' in source ? arriving(source) : source) {
      traffic.received += chunk.length
      yield chunk
    }
  } catch (cause) {
    throw new OciError('BLOB_UPLOAD_INVALID', { reason: 'the request ended before its body' }, { cause })
  }
}

/** Chunks that may wait for us before the client is made to wait. */
const WAITING_CHUNKS = 4

/**
 * The chunks as they come. Node's own iterator joins those that wait, which copies them once more, and leaves the memory of
 * each (64 KiB) to the garbage collector: together that is half of what a push costs (docs/performance.md).
 */
async function* arriving(incoming: IncomingMessage): AsyncGenerator<Uint8Array> {
  if (incoming.destroyed) throw new Error('the client went away before its body was read')
  const options = { close: ['end', 'close'], highWaterMark: WAITING_CHUNKS, lowWaterMark: 1 }
  try {
    for await (const [chunk] of on(incoming, 'data', options) as AsyncIterable<[Buffer]>) {
      yield chunk
      giveBack(chunk)
    }
  } finally {
    // Whoever leaves early has no listener any more: what is left waits for them who answer.
    incoming.pause()
  }
  if (!incoming.readableEnded) throw new Error('the client went away in the middle of its body')
}

/** Frees the memory now, so that the next chunk is put where the processor's cache still is. */
function giveBack({ buffer, length }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === length) buffer.transfer(0)
}
