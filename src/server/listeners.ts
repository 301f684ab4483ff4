import type { Hono } from 'hono'
import type { ServeConfig } from '../config.ts'
import type { RunningServer, ServerSettings } from '../shared/http-server.ts'
import { startServer } from '../shared/http-server.ts'

export interface ListenerSettings extends Pick<ServerSettings, 'direct' | 'tls' | 'log'> {
  readonly app: Hono
  /** Media and nothing else. */
  readonly media: Hono
}

type Addresses = Pick<ServeConfig, 'host' | 'port' | 'listenFd' | 'mediaListen' | 'mediaListenFd'>

/**
 * Everything on one address, and with `mediaListen` media on another by plain HTTP (decision 0063).
 * @throws `config-invalid` when it cannot listen on one of them; then it listens on none
 */
export async function startListeners(
  { host, port, listenFd, mediaListen, mediaListenFd }: Addresses,
  { app, media, log, ...settings }: ListenerSettings,
): Promise<RunningServer> {
  const main = await startServer({ ...settings, fetch: app.fetch, listen: { host, port, fd: listenFd }, log })
  if (mediaListen === undefined) {
    if (mediaListenFd !== undefined)
      log.warn('the service manager has opened a socket for media that is not configured: run "provisioner install"')
    return main
  }
  const listen = { ...mediaListen, fd: mediaListenFd }
  const plain = await startServer({ fetch: media.fetch, listen, log }).catch(async (error: unknown) => {
    await main.close()
    throw error
  })
  return {
    ...main,
    async close() {
      await Promise.all([main.close(), plain.close()])
    },
  }
}
