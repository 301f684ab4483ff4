import type { WorkerDeps } from './deps.ts'
import type { Bmc, Server } from './ports.ts'

/** Runs `action` logged in to the server's BMC and ends the session afterwards: session pools are small. */
export async function withBmc<T>(
  server: Server,
  deps: WorkerDeps,
  signal: AbortSignal,
  action: (bmc: Bmc) => Promise<T>,
): Promise<T> {
  const bmc = await deps.connectBmc(server.bmc, signal)
  try {
    return await action(bmc)
  } finally {
    await bmc
      .close()
      .catch((error: unknown) => deps.log.warn({ err: error, serial: server.serial }, 'BMC session not closed'))
  }
}
