import type { HttpBindings } from '@hono/node-server'
import type { MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'

/** What is counted of one request. */
export interface RequestMeter {
  /** The answer has begun. */
  answered(route: string, method: string, status: number, isStream: boolean): void
  /** Its last byte has gone, or its client. */
  ended(): void
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/**
 * Counts every request by the pattern of its route, so that ids and tokens make no series of their own. The registry counts
 * its own.
 */
export function meterRequests(begin: () => RequestMeter): MiddlewareHandler {
  return async function meterRequests(c, next) {
    if (c.req.path === '/v2' || c.req.path.startsWith('/v2/')) return next()
    const meter = begin()
    const { outgoing }: Partial<HttpBindings> = c.env ?? {}
    outgoing?.once('close', () => meter.ended())
    await next()
    const matched = routePath(c, -1)
    const method = METHODS.includes(c.req.method) ? c.req.method : 'other'
    const isStream = c.res.headers.get('content-type')?.startsWith('text/event-stream') === true
    meter.answered(matched.includes('*') ? 'none' : matched, method, c.res.status, isStream)
    // Without a socket (a request within the process) nothing tells when the last byte was read.
    if (outgoing === undefined) meter.ended()
  }
}
