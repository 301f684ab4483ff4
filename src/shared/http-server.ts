import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { HttpBindings } from '@hono/node-server'
import { getRequestListener } from '@hono/node-server'
import { AppError } from './errors.ts'
import type { Logger } from './log.ts'

export interface ServerSettings {
  readonly fetch: (request: Request, env: HttpBindings) => Response | Promise<Response>
  /** Asked first, before there is a `Request`: answers on Node's objects and returns true, or leaves it to `fetch`. */
  readonly direct?: (incoming: IncomingMessage, outgoing: ServerResponse) => boolean
  /** Port 0 lets the system choose. `fd` is a socket that listens there already. */
  readonly listen: { readonly host: string; readonly port: number; readonly fd?: number | undefined }
  /** PEM. Without it the server speaks plain HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string }
  readonly log: Logger
  /** Milliseconds without a byte in a body before the connection is cut. Default 60 s. */
  readonly idleMs?: number
  /** Milliseconds for the headers of a request. Default 30 s. */
  readonly headersMs?: number
  /** Connections at a time, in all and of one address. Default 8192 and 2048. */
  readonly connections?: { readonly total: number; readonly perAddress: number }
}

export interface RunningServer {
  readonly port: number
  /** Another certificate for connections to come. */
  useCertificate(tls: { readonly key: string; readonly cert: string }): void
  /** Stops listening, ends event streams, lets other requests in flight end for `GRACE_MS`, then cuts them. */
  close(): Promise<void>
}

/**
 * Node's defaults break a registry: 16 KiB of headers refuse podman's 1,023 ranges with 431, 300 s for a request cut long
 * pushes with 408, and 5 s of keep-alive cost a handshake between layers.
 */
const LIMITS = {
  maxHeaderSize: 128 << 10,
  requestTimeout: 0,
  keepAliveTimeout: 75_000,
  highWaterMark: 256 << 10,
}

/** A year (RFC 6797). Not for subdomains: they are of others. */
const HSTS = 'max-age=31536000'

const IDLE_MS = 60_000
const HEADERS_MS = 30_000
/** A thousand jobs at once with their BMCs, behind one proxy or in one simulation; each costs some 20 KiB. */
const CONNECTIONS = { total: 8192, perAddress: 2048 }
const GRACE_MS = 10_000

/** Serves `fetch` until closed. @throws `config-invalid` when it cannot listen there. */
export async function startServer(settings: ServerSettings): Promise<RunningServer> {
  const { fetch, direct = () => false, listen, tls, log, idleMs = IDLE_MS, headersMs = HEADERS_MS } = settings
  const streams = new WeakSet<object>()
  const viaFetch = getRequestListener(async (request, env) => {
    const { outgoing } = env as HttpBindings
    const response = await fetch(request, env as HttpBindings)
    if (response.headers.get('content-type')?.startsWith('text/event-stream')) streams.add(outgoing)
    return response
  })
  function listener(incoming: IncomingMessage, outgoing: ServerResponse): void {
    if (tls !== undefined) outgoing.setHeader('strict-transport-security', HSTS)
    if (direct(incoming, outgoing)) drainUnread(incoming, outgoing)
    else void viaFetch(incoming, outgoing)
  }
  const times = { headersTimeout: headersMs, connectionsCheckingInterval: Math.min(5000, headersMs) }
  const limits = { ...LIMITS, ...times, handshakeTimeout: headersMs }
  const server = tls === undefined ? createServer(limits, listener) : createTlsServer({ ...limits, ...tls }, listener)
  boundConnections(server, settings.connections ?? CONNECTIONS)
  cutStalledBodies(server, idleMs)
  await listening(server, listen)
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : listen.port
  const inherited = listen.fd !== undefined
  log.info({ host: listen.host, port, tls: tls !== undefined, inherited }, 'listening')
  if (inherited && port !== listen.port)
    log.warn({ port, configured: listen.port }, 'the inherited socket has another port than the configuration')
  const answers = trackAnswers(server)
  let closed: Promise<void> | undefined
  return {
    port,
    useCertificate(next) {
      if ('setSecureContext' in server) server.setSecureContext(next)
    },
    close() {
      closed ??= closeGracefully(server, answers, (answer) => streams.has(answer))
      return closed
    },
  }
}

/** One address cannot take every connection, and all of them not every file descriptor. */
function boundConnections(server: Server, { total, perAddress }: NonNullable<ServerSettings['connections']>): void {
  const counts = new Map<string, number>()
  server.maxConnections = total
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? ''
    const count = (counts.get(address) ?? 0) + 1
    counts.set(address, count)
    socket.once('close', () => {
      const left = (counts.get(address) ?? 1) - 1
      if (left === 0) counts.delete(address)
      else counts.set(address, left)
    })
    if (count > perAddress) socket.destroy()
  })
}

/**
 * Instead of a limit on whole requests, one on silence: a connection is cut when its body has not moved for `idleMs`. A
 * handler that is thinking, or an event stream that has nothing to say, is left alone.
 */
function cutStalledBodies(server: Server, idleMs: number): void {
  const current = new WeakMap<Socket, ServerResponse>()
  server.setTimeout(idleMs)
  server.on('request', (request, response: ServerResponse) => {
    current.set(request.socket, response)
    // After an answer the socket was given keepAliveTimeout; a body counts from here.
    request.socket.setTimeout(idleMs)
    response.once('close', () => current.delete(request.socket))
  })
  server.on('timeout', (socket: Socket) => {
    const response = current.get(socket)
    if (response === undefined || isStalled(response)) socket.destroy()
    else socket.setTimeout(idleMs)
  })
}

function isStalled(response: ServerResponse): boolean {
  const request = response.req
  // With a full receive buffer it is we who do not read; then the disk is slow, not the client.
  const waitsForClient = !request.complete && request.readableLength < request.readableHighWaterMark
  return waitsForClient || response.writableLength > 0 || (response.socket?.writableLength ?? 0) > 0
}

/** What a client may go on sending after its answer before the connection is closed: it may read only when it has sent. */
const MAX_DRAIN_BYTES = 64 << 20

/** A body that was answered before its end is read away, so that the client sees the answer and not a reset. */
function drainUnread(incoming: IncomingMessage, outgoing: ServerResponse): void {
  if (incoming.method === 'GET' || incoming.method === 'HEAD') return
  outgoing.once('finish', () => {
    if (incoming.readableEnded || incoming.destroyed) return
    let drained = 0
    incoming.on('data', (chunk: Buffer) => {
      drained += chunk.length
      if (drained > MAX_DRAIN_BYTES) incoming.socket.destroySoon()
    })
    incoming.on('error', () => {})
    incoming.resume()
  })
}

async function listening(server: Server, { host, port, fd }: ServerSettings['listen']): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  if (fd === undefined) server.listen(port, host, resolve)
  else server.listen({ fd }, resolve)
  try {
    await promise
  } catch (cause) {
    throw new AppError('config-invalid', `Cannot listen on ${host}:${port}`, { cause })
  }
  server.off('error', reject)
}

function trackAnswers(server: Server): ReadonlySet<ServerResponse> {
  const answers = new Set<ServerResponse>()
  server.on('request', (_, response: ServerResponse) => {
    answers.add(response)
    response.once('close', () => answers.delete(response))
  })
  return answers
}

async function closeGracefully(
  server: Server,
  answers: ReadonlySet<ServerResponse>,
  isEndless: (answer: ServerResponse) => boolean,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  for (const answer of answers) {
    // It has no end of its own; its client comes back with Last-Event-ID.
    if (isEndless(answer)) answer.destroy()
    // A connection that could be used again would be waited for.
    else answer.once('close', () => setImmediate(() => server.closeIdleConnections()))
  }
  const cut = AbortSignal.timeout(GRACE_MS)
  const onCut = () => server.closeAllConnections()
  cut.addEventListener('abort', onCut)
  await closed
  cut.removeEventListener('abort', onCut)
}
