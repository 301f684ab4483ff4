import { randomInt } from 'node:crypto'
import { withTimeout } from '../../shared/time.ts'
import type { Call, Handler } from '../call.ts'
import { OciError } from '../errors.ts'
import type { PolicySource } from '../policy-file.ts'
import type { UploadEndpoints } from '../uploads.ts'

export interface Bounds {
  /** In all; undefined is no limit. */
  readonly total: number | undefined
  readonly perClient: number | undefined
}

/** What is under way: one gate for downloads, one for uploads. */
export interface Gate {
  /** True when one more may begin now. */
  hasRoom(client: string): boolean
  /** Begins at once, or undefined when there is no room. What it returns ends it. */
  tryEnter(client: string): (() => void) | undefined
  /** Waits for room. @throws TOOMANYREQUESTS when `signal` aborts before there is some */
  enter(client: string, signal: AbortSignal): Promise<() => void>
}

/** How long a request with a body waits: containers/image tries only requests without one again. */
const WAIT_MS = 60_000

export function createGate(bounds: () => Bounds): Gate {
  let active = 0
  const byClient = new Map<string, number>()
  const waiting = new Set<() => void>()

  function hasRoom(client: string): boolean {
    const { total = Infinity, perClient = Infinity } = bounds()
    return active < total && (byClient.get(client) ?? 0) < perClient
  }

  function tryEnter(client: string): (() => void) | undefined {
    if (!hasRoom(client)) return undefined
    active++
    byClient.set(client, (byClient.get(client) ?? 0) + 1)
    let left = false
    return () => {
      if (left) return
      left = true
      active--
      const rest = (byClient.get(client) ?? 1) - 1
      if (rest === 0) byClient.delete(client)
      else byClient.set(client, rest)
      // Each looks for itself: the first in line may be of a client that has its share.
      for (const wake of [...waiting]) wake()
    }
  }

  async function enter(client: string, signal: AbortSignal): Promise<() => void> {
    const entered = tryEnter(client)
    if (entered !== undefined) return entered
    return new Promise((resolve, reject) => {
      const wake = () => {
        const leave = tryEnter(client)
        if (leave === undefined) return
        settle()
        resolve(leave)
      }
      const give = () => {
        settle()
        reject(tooMany())
      }
      const settle = () => {
        waiting.delete(wake)
        signal.removeEventListener('abort', give)
      }
      waiting.add(wake)
      signal.addEventListener('abort', give, { once: true })
      if (signal.aborted) give()
    })
  }

  return { hasRoom, tryEnter, enter }
}

export interface LimitOptions {
  /** Milliseconds that a request with a body waits for its turn. */
  readonly waitMs?: number
}

/** Wraps the endpoints that move blobs. */
export function createLimits(policy: PolicySource, { waitMs = WAIT_MS }: LimitOptions = {}) {
  const limits = () => policy.current().limits
  const downloads = createGate(() => ({ total: limits().downloads, perClient: limits().downloads_per_client }))
  const uploads = createGate(() => ({ total: limits().uploads, perClient: limits().uploads_per_client }))

  /** Refused at once, and the client comes again: containers/image does, as Retry-After says. */
  function download(handler: Handler): Handler {
    return async (call) => {
      if (call.c.req.method === 'HEAD') return handler(call)
      const leave = downloads.tryEnter(clientOf(call))
      if (leave === undefined) throw tooMany()
      return handler(call).finally(leave)
    }
  }

  /** The beginning of an upload is refused at once; a request that brings bytes waits for its turn, unread. */
  function upload(handler: Handler): Handler {
    return async (call) => {
      const client = clientOf(call)
      if (!hasBody(call)) {
        if (call.c.req.method === 'POST' && !uploads.hasRoom(client)) throw tooMany()
        return handler(call)
      }
      const leave = await uploads.enter(client, withTimeout(call.c.signal, waitMs))
      return handler(call).finally(leave)
    }
  }

  return {
    blobs: <T extends { readonly get: Handler }>(endpoints: T): T => ({ ...endpoints, get: download(endpoints.get) }),
    uploads: (endpoints: UploadEndpoints): UploadEndpoints => ({
      ...endpoints,
      start: upload(endpoints.start),
      append: upload(endpoints.append),
      finish: upload(endpoints.finish),
    }),
  }
}

/** One machine with one login: forty machines that share a login are forty clients, and so are forty jobs behind a proxy. */
function clientOf({ c, caller }: Call): string {
  return `${c.env.incoming?.socket.remoteAddress ?? ''} ${caller ?? ''}`
}

function hasBody({ c }: Call): boolean {
  const length = c.req.header('content-length')
  return length === undefined ? c.req.header('transfer-encoding') !== undefined : Number(length) > 0
}

/** Spread out, so that forty refused machines do not come back in the same second (containers/image waits as it is told). */
function tooMany(): OciError {
  const headers = { 'retry-after': String(randomInt(4, 12)) }
  return new OciError('TOOMANYREQUESTS', undefined, { headers, message: 'too many transfers at once, try again later' })
}
