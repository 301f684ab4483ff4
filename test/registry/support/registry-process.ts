import { openRegistry } from '../../../src/registry/registry.ts'
import { startServer } from '../../../src/shared/http-server.ts'
import { createLogger } from '../../../src/shared/log.ts'
import { systemClock } from '../../../src/shared/time.ts'

/* A registry as a process of its own, for tests that kill it: prints its port, then serves until it dies. */
const [root = ''] = process.argv.slice(2)
const log = createLogger('silent')
const registry = await openRegistry({ root, log, clock: systemClock })
const listen = { host: '127.0.0.1', port: 0 }
const { port } = await startServer({
  fetch: (request, env) => registry.app.fetch(request, env),
  direct: registry.direct,
  listen,
  log,
})
process.stdout.write(`${port}\n`)
