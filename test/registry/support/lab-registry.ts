import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Registry } from '../../../src/registry/registry.ts'
import { openRegistry } from '../../../src/registry/registry.ts'
import { startServer } from '../../../src/shared/http-server.ts'
import { systemClock } from '../../../src/shared/time.ts'
import { loadOrCreateTls } from '../../../src/shared/tls.ts'
import { labScratch } from '../../lab/cache.ts'
import { silent } from './open-registry.ts'

/** A registry on a port of this machine, for programs of the tools root. */
export interface LabRegistry {
  /** Its own, where programs may be given directories; `tls/ca.pem` is there when it speaks TLS. */
  readonly directory: string
  readonly registry: Registry
  readonly host: string
  close(): Promise<void>
}

/** Starts it in a directory on disk: images are too large for a tmpfs. */
export async function startLabRegistry(options: { readonly tls: boolean }): Promise<LabRegistry> {
  const directory = await labScratch('clients')
  const registry = await openRegistry({ root: join(directory, 'registry'), log: silent, clock: systemClock })
  const { app, direct } = registry
  const tls = options.tls ? await loadOrCreateTls(join(directory, 'tls'), ['127.0.0.1'], systemClock) : undefined
  const listen = { host: '127.0.0.1', port: 0 }
  const fetch = (request: Request, env: object) => app.fetch(request, env)
  const server = await startServer({ fetch, direct, listen, ...(tls && { tls }), log: silent })
  return {
    directory,
    registry,
    host: `127.0.0.1:${server.port}`,
    async close() {
      await server.close()
      await registry.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
