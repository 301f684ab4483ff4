import type { IncomingMessage } from 'node:http'
import { OciError } from './errors.ts'
import type { Exchange, Traffic } from './exchange.ts'

/** The body of a request, to be read once. */
export interface RequestBody {
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
    parts.push(chunk)
  }
  return Buffer.concat(parts)
}

async function* translateErrors(
  source: IncomingMessage | ReadableStream<Uint8Array> | Iterable<Uint8Array>,
  traffic: Traffic,
): AsyncGenerator<Uint8Array> {
  // Leaving early must not destroy the socket: the client is owed an answer.
  const chunks = 'iterator' in source ? source.iterator({ destroyOnReturn: false }) : source
  try {
    for await (const chunk of chunks) {
      traffic.received += chunk.length
      yield chunk
    }
  } catch (cause) {
    throw new OciError('BLOB_UPLOAD_INVALID', { reason: 'the request ended before its body' }, { cause })
  }
}
