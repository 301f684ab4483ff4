import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseRange } from '../../../src/shared/http-range.ts'

export interface MediaServer {
  readonly url: string
  /** `HEAD /path`, `GET /path 0-4095`, in order. */
  readonly requests: readonly string[]
  close(): Promise<void>
}

/** Serves files by path, HEAD and single ranges, as the controller's media routes do; for tests without a controller. */
export async function startMediaServer(files: Readonly<Record<string, string>>): Promise<MediaServer> {
  const requests: string[] = []
  const server = createServer(async (incoming, outgoing) => {
    const path = files[incoming.url ?? '']
    const size = path === undefined ? undefined : (await stat(path)).size
    const ranges = size === undefined ? undefined : parseRange(incoming.headers.range, size)
    const [range] = Array.isArray(ranges) ? ranges : []
    requests.push(`${incoming.method} ${incoming.url}${range === undefined ? '' : ` ${range.start}-${range.end - 1}`}`)
    if (path === undefined || size === undefined) return void outgoing.writeHead(404).end()
    const { start, end } = range ?? { start: 0, end: size }
    const partial = range === undefined ? {} : { 'Content-Range': `bytes ${start}-${end - 1}/${size}` }
    outgoing.writeHead(range === undefined ? 200 : 206, { 'Content-Length': end - start, ...partial })
    if (incoming.method === 'HEAD') return void outgoing.end()
    createReadStream(path, { start, end: end - 1 })
      .on('error', () => outgoing.destroy())
      .pipe(outgoing)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
