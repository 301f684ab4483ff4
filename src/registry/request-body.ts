import type { IncomingMessage } from 'node:http'
import { arriving } from '../shared/arriving.ts'
import { giveBack } from '../shared/chunk-memory.ts'
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
      giveBack(chunk)
    }
  } catch (cause) {
    throw new OciError('BLOB_UPLOAD_INVALID', { reason: 'the request ended before its body' }, { cause })
  }
}
