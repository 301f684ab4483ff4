import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { createSecureContext, getCACertificates } from 'node:tls'
import { AppError } from './errors.ts'

export interface HttpRequest {
  readonly url: URL
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string | StreamedBody | undefined
  /** Of `connections` there is their own. */
  readonly trust?: Trust
  /** How long the connection may be silent; default 60 s. */
  readonly idleMs?: number
  /** Connections to use again; without them the request gets one of its own. */
  readonly connections?: Connections
}

/**
 * Whose certificates are accepted, in PEM: `only` of these, or of these `beside` the system's and Node's. To read the latter is a
 * tenth of a second of CPU (docs/performance.md), so whoever knows the CA of the other side says `only`.
 */
export interface Trust {
  readonly only?: string | undefined
  readonly beside?: string | undefined
}

/** A body that is not held in memory. Sending it a second time needs a new one. */
export interface StreamedBody {
  /** Bytes; exact. */
  readonly length: number
  readonly chunks: AsyncIterable<Uint8Array>
}

export interface HttpAnswer {
  readonly url: URL
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: IncomingMessage
}

/** Connections that are kept for the next request; idle ones never keep the process alive. */
export interface Connections {
  readonly http: HttpAgent
  readonly https: HttpsAgent
  close(): void
}

const IDLE_MS = 60_000
const MAX_REDIRECTS = 5

/** S3 and others answer 403 to a signed URL that comes with a second kind of credential. */
const CREDENTIAL_HEADERS = new Set(['authorization', 'cookie'])

/** A pool for many requests to a few hosts: the certificates are read once, if at all, and handshakes are saved. */
export function openConnections(trust: Trust): Connections {
  const http = new HttpAgent({ keepAlive: true })
  let https: HttpsAgent | undefined
  return {
    http,
    get https() {
      https ??= new HttpsAgent({
        keepAlive: true,
        secureContext: createSecureContext({ ca: trustedCertificates(trust) }),
      })
      return https
    },
    close() {
      http.destroy()
      https?.destroy()
    },
  }
}

/**
 * One request, redirects of GET and HEAD followed (RFC 9110 15.4); credentials go to the first origin only. After five
 * redirects the next one is the answer. The caller reads or destroys `body`. Rejects with the plain error of the
 * connection or of the streamed body, or the signal's reason.
 */
export async function sendRequest(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
  let next = request
  for (let redirects = 0; ; redirects++) {
    const answer = await sendOnce(next, signal)
    const location = answer.headers.location
    const redirected = [301, 302, 303, 307, 308].includes(answer.status) && location !== undefined
    const safe = ['GET', 'HEAD'].includes(next.method ?? 'GET')
    if (!redirected || !safe || redirects === MAX_REDIRECTS) return answer
    answer.body.destroy()
    const url = new URL(location, next.url)
    const headers = Object.entries(next.headers ?? {}).filter(
      ([name]) => url.origin === next.url.origin || !CREDENTIAL_HEADERS.has(name.toLowerCase()),
    )
    next = { ...next, url, headers: Object.fromEntries(headers) }
  }
}

/** The whole body, up to `limit` bytes. @throws `size-exceeded` */
export async function readBody(answer: HttpAnswer, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > limit) {
      throw new AppError('size-exceeded', `Cannot read ${answer.url.pathname}: it is larger than ${limit} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/**
 * When a refused request is worth sending again: `Retry-After` of 429 and 503, in seconds (RFC 9110 10.2.3). A date is
 * ignored, for clocks differ.
 */
export function retryAfterSeconds({ status, headers }: Pick<HttpAnswer, 'status' | 'headers'>): number | undefined {
  const text = headers['retry-after']?.trim() ?? ''
  return (status === 429 || status === 503) && /^\d{1,9}$/.test(text) ? Number(text) : undefined
}

function sendOnce(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
  const { url, body, idleMs = IDLE_MS } = request
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const sent = openRequest(request, signal)
    let answer: IncomingMessage | undefined
    sent.setTimeout(idleMs, function onIdle() {
      // Bytes that wait to be read mean that we are slow, not the other side.
      if (answer !== undefined && answer.readableLength > 0) sent.setTimeout(idleMs, onIdle)
      else sent.destroy(new Error(`no byte arrived for ${Math.round(idleMs / 1000)} s`))
    })
    sent.once('response', (response) => {
      answer = response
      // Answered before the body was sent: nothing more is sent, and the connection is of no use afterwards.
      if (!sent.writableEnded) response.once('close', () => sent.destroy())
      resolve({ url, status: response.statusCode ?? 0, headers: response.headers, body: response })
    })
    sent.on('error', (error) => {
      const reason = signal.aborted ? signal.reason : error
      answer?.destroy(reason)
      reject(reason)
    })
    if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) sent.end(body)
    else sendChunks(sent, body.chunks, () => answer !== undefined).catch((error: Error) => sent.destroy(error))
  })
}

function openRequest(request: HttpRequest, signal: AbortSignal) {
  const { url, method = 'GET', body, connections, headers, trust = {}, idleMs = IDLE_MS } = request
  const options = {
    method,
    signal,
    // `setTimeout` of a request begins when it is connected; this also ends a connection that is never opened.
    timeout: idleMs,
    // Compressed transfer would break ranges and digests, which are over the stored bytes.
    headers: { 'accept-encoding': 'identity', ...lengthOf(body), ...headers },
  }
  if (url.protocol !== 'https:') return httpRequest(url, { ...options, agent: connections?.http ?? false })
  return connections === undefined
    ? httpsRequest(url, { ...options, agent: false, ca: trustedCertificates(trust) })
    : httpsRequest(url, { ...options, agent: connections.https })
}

function lengthOf(body: HttpRequest['body']): { 'content-length'?: string } {
  if (body === undefined) return {}
  const inMemory = typeof body === 'string' || body instanceof Uint8Array
  return { 'content-length': String(inMemory ? Buffer.byteLength(body) : body.length) }
}

/** Writes as fast as the other side reads, until it answers. */
async function sendChunks(sent: ClientRequest, chunks: AsyncIterable<Uint8Array>, isAnswered: () => boolean) {
  for await (const chunk of chunks) {
    if (isAnswered() || sent.destroyed) return
    if (!sent.write(chunk)) await writable(sent)
  }
  if (!isAnswered()) sent.end()
}

function writable(sent: ClientRequest): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const events = ['drain', 'response', 'close'] as const
  for (const event of events) sent.once(event, resolve)
  return promise.finally(() => {
    for (const event of events) sent.off(event, resolve)
  })
}

/** Node's own list, the system's (an image may carry a site's CA), and the caller's. */
function trustedCertificates({ only, beside }: Trust): string[] {
  if (only !== undefined) return [only]
  const own = beside === undefined ? [] : [beside]
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system'), ...own])]
}
