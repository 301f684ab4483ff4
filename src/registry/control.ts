import type { FileHandle } from 'node:fs/promises'
import { open, rm } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request } from 'node:http'
import { join } from 'node:path'
import { AppError, errorText } from '../shared/errors.ts'
import type { Logger } from '../shared/log.ts'
import type { Maintenance } from './maintenance.ts'

/*
 * What an operator on the same host asks of the registry that owns a data directory: HTTP over a Unix socket in that
 * directory, which only its owner can enter. No port, no credential.
 *
 *   POST /gc     {"dryRun": true, "graceMs": 0}   → GarbageReport
 *   POST /scrub  {"bytesPerSecond": 1000000}      → ScrubReport
 *   POST /hold   {}                               → garbage collection waits until the client goes away
 */

const SOCKET = 'control.sock'
/** Requests are a few numbers. */
const MAX_BYTES = 4096

/** Numbers and switches of the two requests; what is missing is the registry's own setting. */
export interface ControlRequest {
  readonly dryRun?: boolean
  readonly graceMs?: number
  readonly bytesPerSecond?: number
}

/**
 * Serves the socket until `close`. The caller owns the storage: a socket that is there already was left by a crash. A file
 * system without sockets is no reason not to serve blobs.
 */
export async function serveControl(
  root: string,
  maintenance: Maintenance,
  log: Logger,
): Promise<{ close(): Promise<void> }> {
  await rm(join(root, SOCKET), { force: true })
  const stop = new AbortController()
  const server = createServer((incoming, outgoing) => void answer(incoming, outgoing, maintenance, stop.signal))
  const directory = await open(root, 'r')
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(shortPath(directory), resolve)
  }).catch((error: unknown) => log.warn({ err: error, root }, 'no control socket: gc and scrub only by the clock'))
  // What is asked for here must not keep the process alive.
  server.unref()
  return {
    async close() {
      stop.abort()
      server.closeAllConnections()
      // An error here means that it never listened.
      await new Promise((resolve) => server.close(resolve))
      await directory.close()
    },
  }
}

/** A socket's path may have 107 bytes (unix(7)); through the open directory it is always short. */
function shortPath(directory: FileHandle): string {
  return `/proc/self/fd/${directory.fd}/${SOCKET}`
}

async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  maintenance: Maintenance,
  stop: AbortSignal,
): Promise<void> {
  const gone = new AbortController()
  outgoing.once('close', () => gone.abort())
  const signal = AbortSignal.any([gone.signal, stop])
  try {
    const asked = parseRequest(await readText(incoming))
    if (incoming.method === 'POST' && incoming.url === '/hold') {
      await maintenance.hold(signal)
      // The answer has no end: its connection is the hold.
      outgoing.writeHead(200).write('held\n')
      return
    }
    const report = await run(`${incoming.method} ${incoming.url}`, asked, maintenance, signal)
    outgoing.writeHead(report === undefined ? 404 : 200).end(JSON.stringify(report ?? { error: 'no such request' }))
  } catch (error) {
    outgoing.writeHead(500).end(JSON.stringify({ error: errorText(error) }))
  }
}

async function run(what: string, asked: ControlRequest, maintenance: Maintenance, signal: AbortSignal) {
  if (what === 'POST /gc') return maintenance.collectGarbage({ ...asked, signal })
  if (what === 'POST /scrub') return maintenance.scrub({ ...asked, signal })
  return undefined
}

function parseRequest(text: string): ControlRequest {
  const { dryRun, graceMs, bytesPerSecond } = JSON.parse(text) as Readonly<Record<string, unknown>>
  return {
    ...(typeof dryRun === 'boolean' && { dryRun }),
    ...(typeof graceMs === 'number' && { graceMs }),
    ...(typeof bytesPerSecond === 'number' && { bytesPerSecond }),
  }
}

/**
 * Asks the registry that owns `root`, for as long as it takes; going away interrupts it.
 * @throws `data-in-use` when whoever owns it does not answer here
 */
export async function askControl(
  root: string,
  path: string,
  asked: ControlRequest,
  signal: AbortSignal,
): Promise<unknown> {
  const directory = await open(root, 'r')
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { socketPath: shortPath(directory), path, method: 'POST', signal, agent: false as const }
      request(options, resolve).once('error', reject).end(JSON.stringify(asked))
    }).catch((cause: unknown) => {
      signal.throwIfAborted()
      throw new AppError('data-in-use', `Cannot reach the registry that has "${root}" open`, { cause })
    })
    const text = await readText(response, 64 << 20)
    if (response.statusCode === 200) return JSON.parse(text)
    throw new AppError('data-in-use', `Cannot run this on "${root}": the registry answered ${text.slice(0, 500)}`)
  } finally {
    await directory.close()
  }
}

/**
 * Makes garbage collection of the registry that owns `root` wait. `assertHeld` throws when the registry has ended meanwhile:
 * the next one would collect.
 * @throws `data-in-use` when whoever owns it does not answer here
 */
export async function holdCollection(
  root: string,
  signal: AbortSignal,
): Promise<{ release(): void; assertHeld(): void }> {
  const directory = await open(root, 'r')
  const ended = new AbortController()
  const lost = (cause?: unknown) =>
    new AppError('data-in-use', `Cannot keep garbage collection away: the registry on "${root}" does not answer`, {
      cause,
    })
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const options = { socketPath: shortPath(directory), path: '/hold', method: 'POST', agent: false as const }
    const stop = AbortSignal.any([signal, ended.signal])
    request({ ...options, signal: stop }, resolve)
      .once('error', reject)
      .end('{}')
  })
    .catch((cause: unknown) => {
      signal.throwIfAborted()
      throw lost(cause)
    })
    .finally(() => directory.close())
  response.on('error', () => {})
  await new Promise<void>((resolve, reject) => {
    response.once('data', () => resolve())
    response.once('close', () => reject(lost()))
  })
  return {
    release: () => ended.abort(),
    assertHeld() {
      if (response.closed || response.statusCode !== 200) throw lost()
    },
  }
}

async function readText(stream: IncomingMessage, limit = MAX_BYTES): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const chunk of stream) {
    size += chunk.length
    if (size > limit) throw new Error(`Cannot read the message: it has more than ${limit} bytes`)
    parts.push(chunk)
  }
  return Buffer.concat(parts).toString()
}
