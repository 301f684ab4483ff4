import type { HttpBindings } from '@hono/node-server'
import type { MiddlewareHandler } from 'hono'

/** Answers of the API are documents for programs: a browser must not sniff, frame, cache or run them. */
const ALWAYS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
} as const

/** A year (RFC 6797). Not for subdomains: they are of others. */
const HSTS = 'max-age=31536000'

/** Headers of every answer; a handler may say otherwise for its own. */
export function strictHeaders(): MiddlewareHandler {
  return async function strictHeaders(c, next) {
    for (const [name, value] of Object.entries(ALWAYS)) c.header(name, value)
    const { incoming }: Partial<HttpBindings> = c.env ?? {}
    if (incoming !== undefined && 'encrypted' in incoming.socket) c.header('strict-transport-security', HSTS)
    await next()
  }
}
