import http from 'node:http'
import https from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'

/** A medium behind a URL, read as BMCs do: HEAD once, then small ranges when the guest reads. */
export interface HttpMedium {
  readonly url: string
  readonly size: number
  read(offset: number, length: number): Promise<Buffer>
  close(): void
}

/** BMCs ask for 4 to 128 KiB at a time (design notes, "Media server rules"). */
const BLOCK = 128 * 1024
/** 32 MiB: the guest's own page cache does the rest. */
const CACHED_BLOCKS = 256
/** A controller that is restarted is away for seconds; the guest's drive waits up to 30 s for an answer. */
const PATIENCE_MS = 25_000
const REQUEST_MS = 10_000

/** Opens the medium; certificates are not verified, as BMCs do by default. @throws when HEAD gives no size */
export async function openHttpMedium(url: string): Promise<HttpMedium> {
  const secure = url.startsWith('https:')
  const agent = secure
    ? new https.Agent({ keepAlive: true, maxSockets: 4, rejectUnauthorized: false })
    : new http.Agent({ keepAlive: true, maxSockets: 4 })
  const request = secure ? https.request : http.request

  function exchange(method: string, headers: Readonly<Record<string, string>>) {
    return new Promise<{ status: number; headers: http.IncomingHttpHeaders; body: Buffer }>((resolve, reject) => {
      const signal = AbortSignal.timeout(REQUEST_MS)
      const outgoing = request(url, { method, agent, headers, signal }, (message) => {
        const chunks: Buffer[] = []
        message.on('data', (chunk: Buffer) => chunks.push(chunk))
        message.once('error', reject)
        message.once('end', () =>
          resolve({ status: message.statusCode ?? 0, headers: message.headers, body: Buffer.concat(chunks) }),
        )
      })
      outgoing.once('error', reject).end()
    })
  }

  const head = await exchange('HEAD', {}).catch((cause: unknown) => {
    agent.destroy()
    throw cause
  })
  const size = Number(head.headers['content-length'])
  if (head.status !== 200 || !(size > 0)) {
    agent.destroy()
    throw new Error(`the server answers ${head.status} to HEAD`)
  }

  async function fetchBlock(index: number): Promise<Buffer> {
    const start = index * BLOCK
    const end = Math.min(size, start + BLOCK)
    const deadline = performance.now() + PATIENCE_MS
    for (;;) {
      const failure = await exchange('GET', { Range: `bytes=${start}-${end - 1}` }).then(
        ({ status, body }) => (status === 206 && body.length === end - start ? body : new Error(`HTTP ${status}`)),
        (error: unknown) => error,
      )
      if (failure instanceof Buffer) return failure
      if (closed || performance.now() > deadline) throw failure
      await delay(200)
    }
  }

  let closed = false
  const blocks = new Map<number, Promise<Buffer>>()
  function block(index: number): Promise<Buffer> {
    const known = blocks.get(index)
    if (known !== undefined) {
      // To the end of the map's order: the block used longest ago is the first to go.
      blocks.delete(index)
      blocks.set(index, known)
      return known
    }
    const fetched = fetchBlock(index)
    fetched.catch(() => blocks.delete(index))
    blocks.set(index, fetched)
    const [oldest] = blocks.keys()
    if (blocks.size > CACHED_BLOCKS && oldest !== undefined) blocks.delete(oldest)
    return fetched
  }

  return {
    url,
    size,
    async read(offset, length) {
      const [first, last] = [Math.floor(offset / BLOCK), Math.floor((offset + length - 1) / BLOCK)]
      const indexes = Array.from({ length: last - first + 1 }, (_, i) => first + i)
      const bytes = Buffer.concat(await Promise.all(indexes.map(block)))
      return bytes.subarray(offset - first * BLOCK, offset - first * BLOCK + length)
    },
    close() {
      closed = true
      agent.destroy()
    },
  }
}
