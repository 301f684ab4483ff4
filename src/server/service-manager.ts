import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { errorText } from '../shared/errors.ts'
import type { Logger } from '../shared/log.ts'
import { sleep } from '../shared/time.ts'

/** What systemd is told about this process (sd_notify(3)); without systemd nothing happens. */
export interface ServiceManager {
  /** Answers from now on. */
  ready(): Promise<void>
  stopping(): Promise<void>
}

const NOTIFY_MS = 10_000

/**
 * By the program that comes with systemd: Node has no datagram sockets of the Unix kind, and a native addon for three words
 * would be one more thing to build. With a watchdog set it is fed for as long as the event loop turns.
 */
export function serviceManager(
  env: Readonly<Record<string, string | undefined>>,
  log: Logger,
  signal: AbortSignal,
): ServiceManager {
  const isManaged = (env['NOTIFY_SOCKET'] ?? '') !== ''
  const watchdogMs = Number(env['WATCHDOG_USEC'] ?? 0) / 1000

  async function notify(...words: readonly string[]): Promise<void> {
    if (!isManaged) return
    await promisify(execFile)('systemd-notify', words, { timeout: NOTIFY_MS }).catch((error: unknown) =>
      log.warn({ reason: errorText(error) }, 'systemd is not told'),
    )
  }

  /** Twice in each period (sd_watchdog_enabled(3)). */
  async function feedWatchdog(): Promise<void> {
    while (!signal.aborted) {
      await sleep(watchdogMs / 2, signal).catch(() => undefined)
      if (!signal.aborted) await notify('WATCHDOG=1')
    }
  }

  return {
    async ready() {
      await notify('--ready', '--status=Serving')
      if (isManaged && watchdogMs > 0) void feedWatchdog()
    },
    stopping: () => notify('STOPPING=1', '--status=Ending requests and leases'),
  }
}
