import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { getCACertificates } from 'node:tls'
import { AppError } from '../shared/errors.ts'

export interface HttpRequest {
  readonly url: URL
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
  /** PEM certificates trusted beside those of the system and of Node. */
  readonly caPem?: string | undefined
  /** How long the connection may be silent; default 60 s. */
  readonly idleMs?: number
}

export interface HttpAnswer {
  readonly url: URL
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: IncomingMessage
}

const IDLE_MS = 60_000
const MAX_REDIRECTS = 5

/** S3 and others answer 403 to a signed URL that comes with a second kind of credential. */
const CREDENTIAL_HEADERS = new Set(['authorization', 'cookie'])

/**
 * One request on a connection of its own, redirects followed (RFC 9110 15.4); credentials go to the first origin only.
 * The caller reads or destroys `body`. Rejects with the plain error of the connection, or the signal's reason.
 */
export async function sendRequest(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
  let next = request
  for (let redirects = 0; ; redirects++) {
    const answer = await sendOnce(next, signal)
    const location = answer.headers.location
    if (
      ![301, 302, 303, 307, 308].includes(answer.status) ||
      location === undefined ||
      (next.method ?? 'GET') !== 'GET'
    ) {
      return answer
    }
    answer.body.destroy()
    if (redirects === MAX_REDIRECTS) {
      throw new AppError('registry-answer', `Cannot read ${request.url.origin}: more than ${MAX_REDIRECTS} redirects`)
    }
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

function sendOnce(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
  const { url, method = 'GET', body, idleMs = IDLE_MS } = request
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const secure = url.protocol === 'https:'
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const options = {
      method,
      signal,
      agent: false as const,
      // Compressed transfer would break ranges and digests, which are over the stored bytes.
      headers: { 'accept-encoding': 'identity', ...length, ...request.headers },
    }
    const sent = secure
      ? httpsRequest(url, { ...options, ca: trustedCertificates(request.caPem) })
      : httpRequest(url, options)
    let answer: IncomingMessage | undefined
    sent.setTimeout(idleMs, function onIdle() {
      // Bytes that wait to be read mean that we are slow, not the other side.
      if (answer !== undefined && answer.readableLength > 0) sent.setTimeout(idleMs, onIdle)
      else sent.destroy(new Error(`no byte arrived for ${Math.round(idleMs / 1000)} s`))
    })
    sent.once('response', (response) => {
      answer = response
      resolve({ url, status: response.statusCode ?? 0, headers: response.headers, body: response })
    })
    sent.on('error', (error) => {
      const reason = signal.aborted ? signal.reason : error
      answer?.destroy(reason)
      reject(reason)
    })
    sent.end(body)
  })
}

/** Node's own list, the system's (an image may carry a site's CA), and the controller's. */
function trustedCertificates(caPem: string | undefined): string[] {
  const own = caPem === undefined ? [] : [caPem]
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system'), ...own])]
}
