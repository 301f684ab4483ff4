import { errorText } from '../shared/errors.ts'
import { sleep } from '../shared/time.ts'
import type { GarbageDeps, GarbageOptions, GarbageReport } from './gc.ts'
import { collectGarbage } from './gc.ts'
import type { ScrubDeps, ScrubOptions, ScrubReport } from './scrub.ts'
import { scrub } from './scrub.ts'

/** When the registry looks after itself. Times in milliseconds. */
export interface MaintenanceOptions {
  /** Between two garbage collections; undefined: only on demand. */
  readonly collectEveryMs: number | undefined
  /** How long what nothing needs stays: longer than the longest push. */
  readonly graceMs: number
  /** Between two scrubs; undefined: only on demand. */
  readonly scrubEveryMs: number | undefined
  /** How fast a scrub may read. */
  readonly scrubBytesPerSecond: number
}

/** A push over a slow link may take hours from its first blob to its manifest; a day is beyond all of them. */
export const DEFAULT_MAINTENANCE: MaintenanceOptions = {
  collectEveryMs: 3_600_000,
  graceMs: 24 * 3_600_000,
  scrubEveryMs: 7 * 24 * 3_600_000,
  scrubBytesPerSecond: 64 << 20,
}

export interface Maintenance {
  /** One round at a time: a second one waits for the first, a dry run only for dry runs. Default: the registry's grace. */
  collectGarbage(options?: Partial<GarbageOptions>): Promise<GarbageReport>
  scrub(options?: Partial<ScrubOptions>): Promise<ScrubReport>
  /** Keeps collections waiting until `signal` aborts; resolves when none runs any more. */
  hold(signal: AbortSignal): Promise<void>
  /** Interrupts what runs; it goes on at the next start. */
  close(): Promise<void>
}

/** Garbage collection and scrub, by the clock and on demand. */
export function startMaintenance(deps: GarbageDeps & ScrubDeps, options: MaintenanceOptions): Maintenance {
  const stop = new AbortController()
  const both = (signal: AbortSignal | undefined) =>
    signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal])
  const collections = oneAtATime()
  const dryRuns = oneAtATime()
  const scrubs = oneAtATime()
  const maintenance = {
    collectGarbage: ({ dryRun = false, graceMs = options.graceMs, signal }: Partial<GarbageOptions> = {}) =>
      (dryRun ? dryRuns : collections)(async () => {
        const report = await collectGarbage(deps, { dryRun, graceMs, signal: both(signal) })
        if (!dryRun && report.bytes + report.manifests + report.tags > 0)
          deps.log.info({ ...report }, 'garbage collected')
        return report
      }),
    scrub: ({ bytesPerSecond = options.scrubBytesPerSecond, signal }: Partial<ScrubOptions> = {}) =>
      scrubs(async () => {
        const report = await scrub(deps, { bytesPerSecond, signal: both(signal) })
        deps.log.info({ ...report, damaged: report.damaged.length }, 'stored content checked')
        return report
      }),
  }
  function hold(signal: AbortSignal): Promise<void> {
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    const end = both(signal)
    void collections(async () => {
      begin()
      if (!end.aborted) await new Promise((ended) => end.addEventListener('abort', ended, { once: true }))
    })
    return begun
  }
  const repeating = [
    repeat('garbage collection', options.collectEveryMs, maintenance.collectGarbage, deps, stop.signal),
    repeat('scrub', options.scrubEveryMs, maintenance.scrub, deps, stop.signal),
  ]
  return {
    ...maintenance,
    hold,
    async close() {
      stop.abort()
      await Promise.all([...repeating, ...[collections, dryRuns, scrubs].map((queue) => queue(async () => {}))])
    },
  }
}

function oneAtATime(): <T>(action: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (action) => {
    const turn = last.then(action, action)
    // Who asked hears of a failure; the next one only waits.
    last = turn.catch(() => {})
    return turn
  }
}

async function repeat(
  what: string,
  everyMs: number | undefined,
  action: () => Promise<unknown>,
  { log }: Pick<GarbageDeps, 'log'>,
  signal: AbortSignal,
): Promise<void> {
  while (everyMs !== undefined && !signal.aborted) {
    try {
      await sleep(everyMs, signal)
      await action()
    } catch (error) {
      // Tried again at the next turn; pushes and pulls go on meanwhile.
      if (!signal.aborted) log.warn({ err: error, reason: errorText(error) }, `${what} did not succeed`)
    }
  }
}
