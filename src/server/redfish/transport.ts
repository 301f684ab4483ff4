import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import https from 'node:https'
import { promisify } from 'node:util'
import { gunzip, inflate, type ZlibOptions } from 'node:zlib'
import { AppError, isAppError } from '../../shared/errors.ts'
import { inTime } from '../../shared/time.ts'
import type { Reach } from './reach.ts'

export interface RawRequest {
  readonly method: string
  /** Path and query, from the service root of this BMC. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  readonly timeoutMs: number
}

export interface RawAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Parsed JSON; `undefined` when there is none, or when it is none. */
  readonly body: unknown
  /** The body was there and was no JSON. */
  readonly garbled: boolean
}

/** One exchange with one BMC. */
export type Transport = (request: RawRequest, signal: AbortSignal) => Promise<RawAnswer>

/** The largest documents seen (Dell attribute registries) are below 1 MiB. */
const MAX_BODY_BYTES = 4 * 1024 * 1024
/** Redfish documents have ten levels. To parse a million takes V8 longer than to answer everybody else. */
const MAX_DEPTH = 100

/**
 * HTTP to the BMC at `origin`, and to nothing else. A connection for every exchange: some BMCs choke on connections that
 * stay (sushy). With `verifyTls` false the certificate is accepted as it is, which is what BMCs need when they are new.
 */
export function createTransport(origin: URL, verifyTls: boolean, reach?: Reach): Transport {
  const secure = origin.protocol === 'https:'
  const agent = secure
    ? new https.Agent({ keepAlive: false, rejectUnauthorized: verifyTls })
    : new http.Agent({ keepAlive: false })
  return async (request, signal) => {
    signal.throwIfAborted()
    // An address in the URL is never looked up.
    reach?.check(origin.href)
    try {
      const send = (limit: AbortSignal) => exchange(origin, agent, reach?.lookup, request, limit)
      return parseBody(await decoded(await inTime(signal, request.timeoutMs, send)))
    } catch (error) {
      signal.throwIfAborted()
      if (isAppError(error)) throw error
      const state = isTimeout(error) ? `no answer within ${request.timeoutMs / 1000} s` : 'the connection failed'
      throw new AppError('redfish-unreachable', `Cannot reach the BMC at ${origin.origin}: ${state}`, {
        cause: error,
        facts: { method: request.method, path: request.path },
      })
    }
  }
}

/** Aborted by the limit: Node gives an AbortError with the reason as its cause. */
function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof DOMException && error.cause.name === 'TimeoutError'
}

interface Received {
  readonly message: IncomingMessage
  readonly bytes: Buffer
}

function exchange(
  origin: URL,
  agent: http.Agent,
  lookup: Reach['lookup'] | undefined,
  request: RawRequest,
  signal: AbortSignal,
): Promise<Received> {
  const { method, path, body } = request
  const headers = { ...request.headers, ...(body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) }) }
  const send = origin.protocol === 'https:' ? https.request : http.request
  return new Promise((resolve, reject) => {
    // Not `new URL(path, origin)`: a path of `//elsewhere/` would leave the BMC.
    const target = { protocol: origin.protocol, hostname: unbracketed(origin.hostname), port: origin.port }
    const outgoing = send({ ...target, path, method, agent, headers, signal, ...(lookup && { lookup }) })
    outgoing.once('error', reject)
    outgoing.once('response', (message) => collect(message).then((bytes) => resolve({ message, bytes }), reject))
    outgoing.end(body)
  })
}

async function collect(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) {
      message.destroy()
      throw new AppError(
        'redfish-answer',
        `Cannot read the answer of the BMC: it is larger than ${MAX_BODY_BYTES} bytes`,
      )
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Content codings (RFC 9110 8.4.1): HPE serves some resources compressed only. */
const DECODERS: Readonly<Record<string, (bytes: Buffer, options: ZlibOptions) => Promise<Buffer>>> = {
  gzip: promisify<Buffer, ZlibOptions, Buffer>(gunzip),
  'x-gzip': promisify<Buffer, ZlibOptions, Buffer>(gunzip),
  deflate: promisify<Buffer, ZlibOptions, Buffer>(inflate),
}

async function decoded(received: Received): Promise<Received> {
  const decode = DECODERS[received.message.headers['content-encoding']?.trim().toLowerCase() ?? '']
  if (decode === undefined || received.bytes.length === 0) return received
  try {
    return { ...received, bytes: await decode(received.bytes, { maxOutputLength: MAX_BODY_BYTES }) }
  } catch (cause) {
    throw new AppError(
      'redfish-answer',
      'Cannot read the answer of the BMC: it is compressed and damaged, or too large',
      {
        cause,
      },
    )
  }
}

function parseBody({ message, bytes }: Received): RawAnswer {
  const answer = { status: message.statusCode ?? 0, headers: message.headers }
  const text = bytes.toString('utf8').trim()
  if (text === '') return { ...answer, body: undefined, garbled: false }
  if (isDeeperThan(text, MAX_DEPTH)) return { ...answer, body: undefined, garbled: true }
  try {
    return { ...answer, body: JSON.parse(text), garbled: false }
  } catch {
    return { ...answer, body: undefined, garbled: true }
  }
}

/** Brackets that open inside others. Those in strings count too: a BMC's sentences have a few. */
function isDeeperThan(text: string, limit: number): boolean {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x5b || code === 0x7b) depth++
    else if (code === 0x5d || code === 0x7d) depth--
    if (depth > limit) return true
  }
  return false
}

function unbracketed(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
}
