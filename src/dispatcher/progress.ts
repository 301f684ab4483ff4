import { AppError, errorText } from '../shared/errors.ts'
import type { JobFile, ProgressReport } from '../shared/task/job-file.ts'
import { every, retryWithin, withTimeout } from '../shared/time.ts'
import { isRefusal, postProgress } from './report.ts'

/**
 * Tells the controller how far a step is, and until `flush` that it still runs: what was told last is repeated when nothing new comes.
 * Nothing here ever fails or delays the step, but `announce`.
 */
export interface ProgressReporter {
  /** A sentence; every one is sent. */
  message(text: string): void
  /**
   * A sentence that the controller must have among the events of the job before the step goes on. It alone delays the step, and fails it.
   * @throws `controller-unreachable` after two minutes, `job-transition` when the controller does not run the job any more
   */
  announce(text: string): Promise<void>
  /** A sentence that stays among the events of the job; a controller that is away gets it with what is told when it is back. */
  note(text: string): void
  /** How much of a phase of the step is done; at most one a second is sent, and always the last. */
  bytes(done: number, total: number | undefined, phase: string): void
  /** The end: waits for what is under way and what is queued, at most five seconds for each. */
  flush(): Promise<void>
}

const PACE_MS = 1000
/** Far below the time after which a controller calls a maintenance OS silent. */
const BEAT_MS = 10_000
/** What a step may lose to a controller that does not answer. */
const PATIENCE_MS = 5000
/** A controller that is being started again is back by then. */
const ANNOUNCE_MS = 120_000

interface ReporterOptions {
  readonly announceMs?: number
  readonly patienceMs?: number
  readonly every?: typeof every
  /** Keeps what is reported on this machine as well, for whom the controller is out of reach. */
  readonly keep?: (progress: ProgressReport) => Promise<void>
}

export function progressReporter(
  job: JobFile,
  step: string,
  say: (line: string) => void,
  signal: AbortSignal,
  options: ReporterOptions = {},
): ProgressReporter {
  const { announceMs = ANNOUNCE_MS, patienceMs = PATIENCE_MS, keep } = options
  let queue: Promise<void> = Promise.resolve()
  let busy = false
  let last: ProgressReport | undefined
  let isNew = false
  let sentAt = Number.NEGATIVE_INFINITY
  /** Notes that no controller has taken yet. */
  const owed: ProgressReport[] = []
  const complained = new Set<string>()

  // Once is enough for a person; the outcome itself is reported by others, who do not give up.
  const complain = (what: string) => (error: unknown) => {
    if (!complained.has(what)) say(`progress is not ${what}: ${errorText(error)}`)
    complained.add(what)
  }

  function send(progress: ProgressReport): void {
    busy = true
    queue = queue
      .then(() => keep?.(progress).catch(complain('kept')))
      .then(() => deliver(progress, withTimeout(signal, patienceMs)))
      .catch(complain('reported'))
      .finally(() => {
        busy = false
      })
  }

  async function deliver(progress: ProgressReport, limit: AbortSignal): Promise<void> {
    if (progress.event === true) owed.push(progress)
    for (let [note] = owed; note !== undefined; [note] = owed) {
      await postPatiently(job, note, limit)
      owed.shift()
    }
    if (progress.event !== true) await postPatiently(job, progress, limit)
  }

  const beat = (options.every ?? every)(BEAT_MS, () => {
    if (last !== undefined && !isNew && !busy) send(last)
    isNew = false
  })

  function tell(progress: ProgressReport): void {
    last = progress
    isNew = true
  }

  return {
    message(message) {
      tell({ step, message })
      send({ step, message })
    },
    note: (message) => send({ ...(last ?? { step }), message, event: true }),
    async announce(message) {
      await queue
      // The controller knows an event that comes twice by what was told last, so nothing is told in between.
      busy = true
      await announceEvent(job, { step, message, event: true }, announceMs, signal).finally(() => {
        busy = false
      })
      tell({ step, message })
    },
    bytes(done, total, phase) {
      const progress = { step, bytes: done, ...(total !== undefined && { total_bytes: total }), message: phase }
      tell(progress)
      if (done !== total && (busy || performance.now() - sentAt < PACE_MS)) return
      sentAt = performance.now()
      send(progress)
    },
    flush() {
      beat[Symbol.dispose]()
      return queue
    },
  }
}

/** The network may still be coming up when the first step starts. */
const PACE = { firstMs: 250, maxMs: 1000, attempts: Number.POSITIVE_INFINITY }

function postPatiently(
  job: JobFile,
  progress: ProgressReport,
  limit: AbortSignal,
  again: (error: unknown) => boolean = () => true,
): Promise<void> {
  return retryWithin(() => postProgress(job, progress, limit), PACE, again, limit)
}

async function announceEvent(job: JobFile, event: ProgressReport, ms: number, signal: AbortSignal): Promise<void> {
  const limit = withTimeout(signal, ms)
  await postPatiently(job, event, limit, (error) => !isRefusal(error)).catch((cause: unknown) => {
    signal.throwIfAborted()
    const [code, state] = isRefusal(cause)
      ? (['job-transition', 'it does not run this job any more'] as const)
      : (['controller-unreachable', `it was tried for ${Math.ceil(ms / 1000)} s`] as const)
    const message = `Cannot go on before the controller knows of "${event.message}", so nothing was written: ${state}`
    throw new AppError(code, message, { cause })
  })
}
