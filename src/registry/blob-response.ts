import type { ServerResponse } from 'node:http'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { ByteRange } from '../shared/http-range.ts'
import type { Exchange, Traffic } from './exchange.ts'
import type { BlobReader } from './storage/storage.ts'

/** An answer made of parts of a blob, laid out beforehand: its length is exact. */
export interface BlobResponse {
  readonly status: 200 | 206
  readonly headers: Readonly<Record<string, string>>
  /** Each part's head (of a multipart answer), then its range. */
  readonly parts: readonly { readonly head?: Uint8Array; readonly range: ByteRange }[]
  readonly tail?: Uint8Array
}

/**
 * Two buffers a response, smaller ones the more pull at once: each read is a journey to another thread, but 300 pullers
 * shall stay below 64 MiB, and nobody shall wait long for the loop.
 */
const BUFFERS = [
  { upTo: 8, bytes: 512 << 10 },
  { upTo: 64, bytes: 256 << 10 },
] as const
const BUSY_BUFFER_BYTES = 64 << 10

export type BlobSender = (c: Exchange, reader: BlobReader, response: BlobResponse) => Promise<Response>

/**
 * Sends blobs and closes their readers. With Node underneath the bytes go straight to the socket, the next read overlapping
 * the present write: a web stream costs twice the CPU. Without it (`app.request`) a web stream is what there is.
 */
export function createBlobSender(): BlobSender {
  let active = 0
  return async (c, reader, response) => {
    const { outgoing } = c.env
    if (outgoing === undefined) return c.body(webStream(reader, response), response.status, response.headers)
    active++
    try {
      const headers = c.headersWith(response.headers)
      const bufferBytes = BUFFERS.find(({ upTo }) => active <= upTo)?.bytes ?? BUSY_BUFFER_BYTES
      await sendToSocket({ outgoing, traffic: c.traffic }, reader, { ...response, headers }, bufferBytes)
    } catch {
      // The client went away, or the blob became unreadable after its headers were sent. Either way the only honest
      // sign left is a connection that ends before Content-Length.
      outgoing.destroy()
    } finally {
      active--
      await reader.close()
    }
    return RESPONSE_ALREADY_SENT
  }
}

interface Sink {
  readonly outgoing: ServerResponse
  readonly traffic: Traffic
}

async function sendToSocket(
  sink: Sink,
  reader: BlobReader,
  { status, headers, parts, tail }: BlobResponse,
  bufferBytes: number,
): Promise<void> {
  const { outgoing } = sink
  outgoing.strictContentLength = true
  outgoing.writeHead(status, headers)
  const largest = parts.reduce((max, { range }) => Math.max(max, range.end - range.start), 0)
  const size = Math.min(bufferBytes, largest)
  // The second buffer is only needed when a part does not fit into the first.
  const buffers: readonly [Buffer, Buffer] = [
    Buffer.allocUnsafeSlow(size),
    Buffer.allocUnsafeSlow(largest > size ? size : 0),
  ]
  for (const { head, range } of parts) {
    if (head !== undefined) await write(sink, head)
    await sendRange(sink, reader, range, buffers)
  }
  outgoing.end(tail)
}

async function sendRange(
  sink: Sink,
  reader: BlobReader,
  { start, end }: ByteRange,
  [first, second]: readonly [Buffer, Buffer],
): Promise<void> {
  let position = start
  let [current, other] = [first, second]
  let filled = await fill(reader, current, position, end)
  while (filled.length > 0) {
    position += filled.length
    const writing = write(sink, filled)
    const reading = position < end ? fill(reader, other, position, end) : Promise.resolve(NOTHING)
    const [next] = await Promise.all([reading, writing])
    filled = next
    ;[current, other] = [other, current]
  }
}

const NOTHING = new Uint8Array()

/** @throws when the blob is shorter than its recorded size. */
async function fill(reader: BlobReader, buffer: Buffer, position: number, end: number): Promise<Uint8Array> {
  const wanted = buffer.subarray(0, Math.min(buffer.length, end - position))
  const count = await reader.read(wanted, position)
  if (count < wanted.length) throw new Error(`Cannot read the blob at ${position + count}: it ends there`)
  return wanted
}

/** Resolves when the kernel has the bytes, so the buffer may be used again; rejects when the client is gone. */
function write({ outgoing, traffic }: Sink, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    if (outgoing.destroyed) return reject(new Error('Cannot send: the connection is closed'))
    const onClose = () => reject(new Error('Cannot send: the connection was closed'))
    outgoing.once('close', onClose)
    outgoing.write(chunk, (error) => {
      outgoing.off('close', onClose)
      if (error) return reject(error)
      traffic.sent += chunk.length
      resolve()
    })
  })
}

/** Closes the reader also when nobody reads the stream to its end. */
function webStream(reader: BlobReader, response: BlobResponse): ReadableStream<Uint8Array> {
  const chunks = chunksOf(reader, response)
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await chunks.next()
          if (!done) return controller.enqueue(value)
          controller.close()
        } catch (error) {
          controller.error(error)
        }
        await reader.close()
      },
      cancel: () => reader.close(),
    },
    { highWaterMark: 0 },
  )
}

async function* chunksOf(reader: BlobReader, { parts, tail }: BlobResponse): AsyncGenerator<Uint8Array> {
  for (const { head, range } of parts) {
    if (head !== undefined) yield head
    for (let at = range.start; at < range.end; at += BUSY_BUFFER_BYTES) {
      yield await fill(reader, Buffer.alloc(BUSY_BUFFER_BYTES), at, range.end)
    }
  }
  if (tail !== undefined) yield tail
}
