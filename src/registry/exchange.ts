import type { IncomingMessage, ServerResponse } from 'node:http'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'

/** Bytes of bodies, as they move; headers are not counted. */
export interface Traffic {
  received: number
  sent: number
}

/** One change to what the registry holds, as the endpoint that made it knows it. */
export interface Change {
  readonly what:
    | 'blob stored'
    | 'blob mounted'
    | 'blob removed'
    | 'manifest stored'
    | 'manifest removed'
    | 'tag removed'
  readonly repository: string
  readonly digest?: string
  readonly bytes?: number
  readonly tags?: readonly string[]
  /** The repository a mounted blob came from. */
  readonly from?: string
}

/** What metrics and audit say about a request; whoever learns something adds it. */
export interface Facts {
  /** The name of its row in the endpoint table. */
  route: string
  caller?: string | undefined
  change?: Change
}

type Headers = Readonly<Record<string, string>>

/**
 * One request and its answer, as the endpoints see them. There are two: over Node's own objects, which is what a server
 * uses (hono's request and response objects cost more than the registry's work for a manifest), and over `Request`.
 */
export interface Exchange {
  readonly req: {
    readonly method: string
    /** As sent, without the query: nothing is decoded. */
    readonly path: string
    /** What follows `?`, or nothing. */
    readonly search: string
    /** `name` in lower case. */
    header(name: string): string | undefined
  }
  /** Node's objects where there are some: bodies go through them. */
  readonly env: { readonly incoming?: IncomingMessage; readonly outgoing?: ServerResponse }
  /** The request's body, unless `env.incoming` has it. */
  readonly webBody: ReadableStream<Uint8Array> | undefined
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal
  readonly traffic: Traffic
  readonly facts: Facts
  /** A header of the answer to come. */
  header(name: string, value: string): void
  /** Answers. To HEAD without the content, but with its length. */
  body(content: Uint8Array | string | ReadableStream<Uint8Array> | null, status: number, headers?: Headers): Response
  json(value: unknown, status?: number, headers?: Headers): Response
  /** Every header of an answer with these, for those who write to `env.outgoing` themselves. */
  headersWith(headers: Headers): Record<string, string>
}

/** On every answer: old clients look for the first, browsers for the second. */
const COMMON_HEADERS = { 'docker-distribution-api-version': 'registry/2.0', 'x-content-type-options': 'nosniff' }
const JSON_TYPE = { 'content-type': 'application/json' }

const ONE_WRITE_BYTES = 64 << 10

/** An exchange on Node's objects; what it returns has been sent already. */
export function nodeExchange(incoming: IncomingMessage, outgoing: ServerResponse, traffic: Traffic): Exchange {
  const { method = 'GET', url = '/' } = incoming
  const own: Record<string, string> = { ...COMMON_HEADERS }
  let aborted: AbortSignal | undefined
  const exchange: Exchange = {
    req: {
      method,
      ...splitTarget(url),
      header(name) {
        const value = incoming.headers[name]
        return typeof value === 'object' ? value.join(', ') : value
      },
    },
    env: { incoming, outgoing },
    webBody: undefined,
    get signal() {
      aborted ??= abortedWhenClosed(outgoing)
      return aborted
    },
    traffic,
    facts: { route: 'none' },
    header(name, value) {
      own[name] = value
    },
    body(content, status, headers = {}) {
      if (content instanceof ReadableStream) throw new TypeError('a web stream has no place on a Node response')
      const length = content === null ? 0 : Buffer.byteLength(content)
      const all: Record<string, string> = { ...own, ...headers }
      if (status !== 204 && status !== 304) all['content-length'] ??= String(length)
      outgoing.writeHead(status, all)
      if (method === 'HEAD' || content === null) {
        outgoing.end()
        return RESPONSE_ALREADY_SENT
      }
      traffic.sent += length
      // As a string it goes into one buffer and one write with the headers: half of what a small answer costs.
      if (typeof content === 'string' || length > ONE_WRITE_BYTES) outgoing.end(content)
      else outgoing.end(Buffer.from(content.buffer, content.byteOffset, length).toString('latin1'), 'latin1')
      return RESPONSE_ALREADY_SENT
    },
    json: (value, status = 200, headers = {}) =>
      exchange.body(JSON.stringify(value), status, { ...JSON_TYPE, ...headers }),
    headersWith: (headers) => ({ ...own, ...headers }),
  }
  return exchange
}

/** An exchange on the web's objects: for callers without a server. */
export function webExchange(request: Request, traffic: Traffic): Exchange {
  const own: Record<string, string> = { ...COMMON_HEADERS }
  const exchange: Exchange = {
    req: {
      method: request.method,
      ...splitTarget(request.url.replace(/^[a-z]+:\/\/[^/]*/, '')),
      header: (name) => request.headers.get(name) ?? undefined,
    },
    env: {},
    webBody: request.body ?? undefined,
    signal: request.signal,
    traffic,
    facts: { route: 'none' },
    header(name, value) {
      own[name] = value
    },
    body(content, status, headers = {}) {
      const all = { ...own, ...headers }
      const bytes = content instanceof Uint8Array ? Buffer.from(content) : content
      if (typeof bytes === 'string' || Buffer.isBuffer(bytes)) {
        all['content-length'] ??= String(Buffer.byteLength(bytes))
        if (request.method !== 'HEAD') traffic.sent += Buffer.byteLength(bytes)
      }
      return new Response(request.method === 'HEAD' ? null : bytes, { status, headers: all })
    },
    json: (value, status = 200, headers = {}) =>
      exchange.body(JSON.stringify(value), status, { ...JSON_TYPE, ...headers }),
    headersWith: (headers) => ({ ...own, ...headers }),
  }
  return exchange
}

function splitTarget(target: string): { path: string; search: string } {
  const question = target.indexOf('?')
  if (question === -1) return { path: target, search: '' }
  return { path: target.slice(0, question), search: target.slice(question + 1) }
}

function abortedWhenClosed(outgoing: ServerResponse): AbortSignal {
  const controller = new AbortController()
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) controller.abort(new Error('the client went away'))
  })
  return controller.signal
}
