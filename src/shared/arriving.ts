import { on } from 'node:events'
import type { IncomingMessage } from 'node:http'

/** Chunks that may wait for us before the sender is made to wait. */
const WAITING_CHUNKS = 4

/**
 * The chunks of a body as they come. Node's own iterator joins those that wait, which copies them once more. They are the reader's,
 * who may give their memory back.
 * @throws a plain error when the connection ends before the body
 */
export async function* arriving(incoming: IncomingMessage): AsyncGenerator<Buffer> {
  if (incoming.destroyed) throw new Error('the connection was closed before the body was read')
  const options = { close: ['end', 'close'], highWaterMark: WAITING_CHUNKS, lowWaterMark: 1 }
  try {
    for await (const [chunk] of on(incoming, 'data', options) as AsyncIterable<[Buffer]>) yield chunk
  } finally {
    // Whoever leaves early has no listener any more: what is left waits for them who answer.
    incoming.pause()
  }
  if (!incoming.readableEnded) throw new Error('the connection was closed in the middle of the body')
}
