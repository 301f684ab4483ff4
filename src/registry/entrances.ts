import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import type { Traffic } from './exchange.ts'
import { nodeExchange, webExchange } from './exchange.ts'
import type { Answer } from './routes.ts'

export interface Entrances {
  /** Answers every path under /v2/. Mount it with its env: `all('/v2/*', (c) => app.fetch(c.req.raw, c.env))`. */
  readonly app: Hono
  /** The same for `startServer`'s `direct`: false when the path is not under /v2/. */
  direct(incoming: IncomingMessage, outgoing: ServerResponse): boolean
}

/** Where the endpoint table has what a registry alone also answers at /metrics, where Prometheus looks. */
const METRICS_PATH = '/v2/_metrics'

/** Both ways in lead to the same table. */
export function entrances(answer: Answer, traffic: Traffic): Entrances {
  const app = new Hono()
  app.get('/metrics', ({ env, req }) => {
    const { incoming, outgoing }: Partial<HttpBindings> = env ?? {}
    if (incoming === undefined || outgoing === undefined) {
      return answer(webExchange(new Request(new URL(METRICS_PATH, req.url), req.raw), traffic))
    }
    incoming.url = METRICS_PATH
    return answer(nodeExchange(incoming, outgoing, traffic))
  })
  app.all('*', ({ env, req }) => {
    const { incoming, outgoing }: Partial<HttpBindings> = env ?? {}
    const onNode = incoming !== undefined && outgoing !== undefined
    return answer(onNode ? nodeExchange(incoming, outgoing, traffic) : webExchange(req.raw, traffic))
  })
  return {
    app,
    direct(incoming, outgoing) {
      const { url = '' } = incoming
      if (!url.startsWith('/v2/') && url !== '/v2' && !url.startsWith('/v2?')) return false
      // Nothing is left to say when an answer that has begun cannot go on.
      answer(nodeExchange(incoming, outgoing, traffic)).catch(() => outgoing.destroy())
      return true
    },
  }
}
