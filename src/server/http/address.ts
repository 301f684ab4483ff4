import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'

/**
 * Where a request comes from; undefined where there is no socket. Headers that name another address are not believed:
 * whoever sends them could have as many addresses as they like.
 */
export function addressOf(c: Context): string | undefined {
  const { incoming }: Partial<HttpBindings> = c.env ?? {}
  return incoming?.socket.remoteAddress
}
