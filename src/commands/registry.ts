import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { LOG_LEVEL } from '../config.ts'
import type { MaintenanceOptions } from '../registry/maintenance.ts'
import { openRegistry } from '../registry/registry.ts'
import { keepCertificate, openCertificate } from '../shared/certificate.ts'
import { startServer } from '../shared/http-server.ts'
import { addressText, parseListen } from '../shared/listen-address.ts'
import { reloadOnHangup } from '../shared/reload.ts'
import { systemClock } from '../shared/time.ts'
import type { Command, CommandGroup, Invocation } from './command.ts'
import { hoursOption, registryGc, registryScrub } from './registry-storage.ts'

/** `provisioner registry serve`, or without the second word: the OCI registry without a controller. */
const serve: Command = {
  name: 'registry serve',
  summary: 'Run the OCI registry alone; "serve" may be left out',
  positionals: [],
  options: {
    config: {
      value: 'FILE',
      doc: 'YAML file with these options by name; what is given here or in the environment wins',
    },
    listen: { value: 'ADDR:PORT', required: true, doc: 'Where to listen; clients must reach it by this address' },
    data: { value: 'DIR', required: true, doc: 'Directory for blobs and metadata' },
    'no-tls': { doc: 'Speak plain HTTP instead of making a CA and a certificate in DIR/tls' },
    sparse: { doc: 'Accept manifests whose layers or platforms have not been pushed' },
    policy: { value: 'FILE', doc: 'Who may do what, quotas and limits; without it everybody may do everything' },
    'gc-every': { value: 'HOURS', default: '1', doc: 'How often garbage is collected; 0: only by "registry gc"' },
    'gc-grace': { value: 'HOURS', default: '24', doc: 'How long what nothing needs stays; longer than any push takes' },
    'scrub-every': {
      value: 'HOURS',
      default: '168',
      doc: 'How often all content is checked; 0: only by "registry scrub"',
    },
    'log-level': LOG_LEVEL,
  },
  examples: [
    'provisioner registry serve --listen 127.0.0.1:5000 --data ./registry --no-tls',
    'provisioner registry serve --listen 192.0.2.1:5000 --data /var/lib/provisioner/registry',
  ],
  async run(invocation) {
    const { required, text, flag, io, signal } = invocation
    const listen = parseListen(required('listen'))
    if (listen === undefined) throw invocation.usage(`--listen is ADDR:PORT, not "${required('listen')}"`)
    const { host } = listen
    const root = resolve(required('data'))
    const log = await io.logger(required('log-level'))
    const maintenance = maintenanceOf(invocation)
    const settings = { root, log, clock: systemClock, sparse: flag('sparse'), policyFile: text('policy'), maintenance }
    const opened = await openRegistry(settings)
    const reloading = reloadOnHangup(givenSettings(invocation), {
      read: async () => givenSettings(await invocation.again()),
      apply: {
        'log-level'(level = 'info') {
          log.level = level
        },
      },
      log,
    })
    try {
      const source = { kind: 'own', dir: join(root, 'tls'), names: tlsNames(host) } as const
      const certificate = flag('no-tls') ? undefined : await openCertificate(source, systemClock)
      const tls = certificate?.material
      const fetch = (request: Request, env: object) => opened.app.fetch(request, env)
      const server = await startServer({ fetch, direct: opened.direct, listen, log, ...(tls && { tls }) })
      io.err(
        `Registry on ${tls === undefined ? 'http' : 'https'}://${addressText({ host, port: server.port })}/v2/, data in ${root}\n`,
      )
      if (tls !== undefined) io.err(`Clients must trust ${join(root, 'tls', 'ca.pem')}\n`)
      if (certificate !== undefined) await keepCertificate(certificate, server.useCertificate, log, signal)
      else if (!signal.aborted) await new Promise((stop) => signal.addEventListener('abort', stop, { once: true }))
      await server.close()
    } finally {
      await reloading.close()
      await opened.close()
    }
    return 0
  },
}

/** `provisioner registry`: to run one, and to look after its data. */
export const registry: CommandGroup = {
  name: 'registry',
  commands: [serve, registryGc, registryScrub],
  otherwise: serve,
}

/** What is compared when the configuration is read again. */
function givenSettings({ text }: Invocation): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(Object.keys(serve.options).map((name) => [name, text(name)]))
}

function maintenanceOf(invocation: Invocation): Partial<MaintenanceOptions> {
  const ms = (name: string) => (hoursOption(invocation, name) ?? 0) * 3_600_000 || undefined
  return { collectEveryMs: ms('gc-every'), graceMs: ms('gc-grace') ?? 0, scrubEveryMs: ms('scrub-every') }
}

/** What the certificate is issued for: the listen address, or every name of this host when it listens everywhere. */
function tlsNames(host: string): string[] {
  const everywhere = host === '0.0.0.0' || host === '::'
  return [...new Set([...(everywhere ? [hostname()] : [host]), 'localhost', '127.0.0.1', '::1'])]
}
