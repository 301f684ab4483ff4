import type { MiddlewareHandler } from 'hono'

/** Answers of the API are documents for programs: a browser must not sniff, frame, cache or run them. */
const ALWAYS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
} as const

/** Headers of every answer; a handler may say otherwise for its own. */
export function strictHeaders(): MiddlewareHandler {
  return async function strictHeaders(c, next) {
    for (const [name, value] of Object.entries(ALWAYS)) c.header(name, value)
    await next()
  }
}
