import { readServeConfig, SERVE_OPTIONS } from '../config.ts'
import { unreachable } from '../server/addresses.ts'
import { BUILD_ID, VERSION } from '../shared/version.ts'
import { checkFiles, settingsText } from './check-config.ts'
import type { Command } from './command.ts'

/** `provisioner serve`: the controller. */
export const serve: Command = {
  name: 'serve',
  summary: 'Run the controller: API, jobs, media, and the registry under /v2/',
  positionals: [],
  options: SERVE_OPTIONS,
  examples: [
    'provisioner serve --listen 192.0.2.1:8443 --data /var/lib/provisioner --maintenance-iso maintenance.iso',
    'provisioner serve --no-tls --listen 127.0.0.1:8080 --data ./data',
    'provisioner serve --config /etc/provisioner/provisioner.yaml --check',
  ],
  async run(invocation) {
    const { io, signal } = invocation
    const config = readServeConfig(invocation)
    const log = await io.logger(config.logLevel)
    if (invocation.flag('check')) {
      await checkFiles(config, log)
      const nobody = unreachable(config)
      if (nobody !== undefined) io.err(`Warning: ${nobody}\n`)
      io.out(settingsText(invocation, SERVE_OPTIONS))
      return 0
    }
    // Loaded here, so that --help does not pay for the whole server.
    const { runController } = await import('../server/compose.ts')
    const { serviceManager } = await import('../server/service-manager.ts')
    const manager = serviceManager(io.env, log, signal)
    signal.addEventListener('abort', () => void manager.stopping(), { once: true })
    await runController(
      config,
      log,
      ({ url, publicUrl, adminToken, caFingerprint }) => {
        log.info({ url, publicUrl, caFingerprint, version: VERSION, build: BUILD_ID }, 'controller started')
        const nobody = unreachable(config)
        if (nobody !== undefined) log.warn(nobody)
        void manager.ready()
        if (caFingerprint !== undefined) io.err(`CA fingerprint (SHA-256): ${caFingerprint}\n`)
        if (adminToken !== undefined) io.err(`First admin token (shown only now): ${adminToken}\n`)
      },
      signal,
      async () => readServeConfig(await invocation.again()),
    )
    return 0
  },
}
