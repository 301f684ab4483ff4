import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { parseListen } from '../config.ts'
import { openRegistry } from '../registry/registry.ts'
import { AppError } from '../shared/errors.ts'
import { startServer } from '../shared/http-server.ts'
import { systemClock } from '../shared/time.ts'
import { loadOrCreateTls } from '../shared/tls.ts'
import type { Command } from './command.ts'

/** `provisioner registry`: the OCI registry without a controller. */
export const registry: Command = {
  name: 'registry',
  summary: 'Run the OCI registry alone',
  positionals: [],
  options: {
    listen: { value: 'ADDR:PORT', required: true, doc: 'Where to listen; clients must reach it by this address' },
    data: { value: 'DIR', required: true, doc: 'Directory for blobs and metadata' },
    'no-tls': { doc: 'Speak plain HTTP instead of making a CA and a certificate in DIR/tls' },
    sparse: { doc: 'Accept manifests whose layers or platforms have not been pushed' },
    policy: { value: 'FILE', doc: 'Who may do what, quotas and limits; without it everybody may do everything' },
    'log-level': { value: 'LEVEL', default: 'info', doc: 'trace, debug, info, warn or error' },
  },
  examples: [
    'provisioner registry --listen 127.0.0.1:5000 --data ./registry --no-tls',
    'provisioner registry --listen 192.0.2.1:5000 --data /var/lib/provisioner/registry',
  ],
  async run({ required, text, flag, io, signal }) {
    const listen = parseListen(required('listen'))
    if (listen === undefined)
      throw new AppError('usage', `Cannot listen on "${required('listen')}": it is not ADDR:PORT`)
    const { host } = listen
    const root = resolve(required('data'))
    const log = await io.logger(required('log-level'))
    const settings = { root, log, clock: systemClock, sparse: flag('sparse'), policyFile: text('policy') }
    const opened = await openRegistry(settings)
    try {
      const tls = flag('no-tls') ? undefined : await loadOrCreateTls(join(root, 'tls'), tlsNames(host), systemClock)
      const fetch = (request: Request, env: object) => opened.app.fetch(request, env)
      const server = await startServer({ fetch, direct: opened.direct, listen, log, ...(tls && { tls }) })
      const display = isIP(host) === 6 ? `[${host}]` : host
      io.err(`Registry on ${tls === undefined ? 'http' : 'https'}://${display}:${server.port}/v2/, data in ${root}\n`)
      if (tls !== undefined) io.err(`Clients must trust ${join(root, 'tls', 'ca.pem')}\n`)
      if (!signal.aborted) await new Promise((stop) => signal.addEventListener('abort', stop, { once: true }))
      await server.close()
    } finally {
      await opened.close()
    }
    return 0
  },
}

/** What the certificate is issued for: the listen address, or every name of this host when it listens everywhere. */
function tlsNames(host: string): string[] {
  const everywhere = host === '0.0.0.0' || host === '::'
  return [...new Set([...(everywhere ? [hostname()] : [host]), 'localhost', '127.0.0.1', '::1'])]
}
