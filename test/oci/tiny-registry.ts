import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sha256 } from '../../src/shared/digest.ts'

export interface TinyRegistry extends AsyncDisposable {
  readonly host: string
  /** Method, path and range of every request, in order. */
  readonly requests: string[]
  /** Puts bytes under their digest. */
  blob(bytes: Uint8Array): { digest: ReturnType<typeof sha256>; size: number }
  /** Puts a document under its digest and, if given, a tag. */
  manifest(document: object, tag?: string): ReturnType<typeof sha256>
  /** Looks at every request first; true means it has answered. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean
}

/** Just enough of distribution-spec end-2 and end-3, on port 0, and a hook to misbehave. */
export async function tinyRegistry(): Promise<TinyRegistry> {
  const contents = new Map<string, Buffer>()
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push([request.method, request.url, request.headers.range].filter((part) => part !== undefined).join(' '))
    if (registry.intercept(request, response)) return
    const content = contents.get((request.url ?? '').replace(/^\/v2\/os\/debian\//, ''))
    if (content === undefined) {
      const errors = [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown to registry' }]
      response.writeHead(404).end(JSON.stringify({ errors }))
      return
    }
    sendRange(content, request.headers.range, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const registry: TinyRegistry = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    intercept: () => false,
    blob(bytes) {
      const digest = sha256(bytes)
      contents.set(`blobs/${digest}`, Buffer.from(bytes))
      return { digest, size: bytes.length }
    },
    manifest(document, tag) {
      const bytes = Buffer.from(JSON.stringify(document))
      const digest = sha256(bytes)
      contents.set(`manifests/${digest}`, bytes)
      if (tag !== undefined) contents.set(`manifests/${tag}`, bytes)
      return digest
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return registry
}

export function sendRange(content: Buffer, range: string | undefined, response: ServerResponse): void {
  const start = /^bytes=(\d+)-$/.exec(range ?? '')?.[1]
  const body = content.subarray(Number(start ?? 0))
  const headers = { 'content-length': body.length, etag: `"${sha256(content)}"` }
  if (start === undefined) response.writeHead(200, headers)
  else
    response.writeHead(206, {
      ...headers,
      'content-range': `bytes ${start}-${content.length - 1}/${content.length}`,
    })
  response.end(body)
}
