import type { Logger } from '../../shared/log.ts'
import type { Clock } from '../../shared/time.ts'
import { sleep } from '../../shared/time.ts'
import type { JobStore } from './ports.ts'

export interface PruningDeps {
  readonly jobs: Pick<JobStore, 'prune'>
  /** How long a job is kept once it is complete, in days; 0 for ever. Asked each time. */
  keepDays(): number
  readonly clock: Clock
  readonly log: Logger
}

export interface PruningTimes {
  /** Between two looks. */
  readonly everyMs: number
  /** Between two batches, in which everybody else is answered. */
  readonly pauseMs: number
}

const TIMES: PruningTimes = { everyMs: 3_600_000, pauseMs: 250 }
const DAY_MS = 86_400_000
/** With all of the logs that a job may have, that is a blink; of more at once, everybody would wait for seconds. */
const AT_ONCE = 1

/** Removes jobs that ended long ago, with all that is kept of them, until the signal aborts. Never rejects. */
export async function pruneEnded(deps: PruningDeps, signal: AbortSignal, times = TIMES): Promise<void> {
  while (!signal.aborted) {
    await pruneNow(deps, signal, times.pauseMs).catch((error: unknown) => {
      if (!signal.aborted) deps.log.error({ err: error }, 'jobs that ended long ago cannot be removed')
    })
    await sleep(times.everyMs, signal).catch(() => undefined)
  }
}

async function pruneNow({ jobs, keepDays, clock, log }: PruningDeps, signal: AbortSignal, pauseMs: number) {
  const days = keepDays()
  if (days === 0) return
  const before = new Date(clock.now().getTime() - days * DAY_MS)
  let removed = 0
  for (let found = AT_ONCE; found === AT_ONCE; removed += found) {
    if (removed > 0) await sleep(pauseMs, signal)
    found = await jobs.prune(before, AT_ONCE)
  }
  if (removed > 0) log.info({ removed, endedBefore: before.toISOString() }, 'jobs that ended long ago were removed')
}
