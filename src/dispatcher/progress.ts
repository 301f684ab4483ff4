import { errorText } from '../shared/errors.ts'
import type { JobFile, ProgressReport } from '../shared/task/job-file.ts'
import { retry, withTimeout } from '../shared/time.ts'
import { postProgress } from './report.ts'

/** Tells the controller how far a step is. Nothing here ever fails or delays the step, but `announce`. */
export interface ProgressReporter {
  /** A sentence; every one is sent. */
  message(text: string): void
  /**
   * A sentence that the controller must have among the events of the job before the step goes on. It alone delays the step, and fails it.
   * @throws `controller-unreachable` after two minutes
   */
  announce(text: string): Promise<void>
  /** Bytes read of the artifact; at most one a second is sent. */
  bytes(done: number, total: number): void
  /** Waits for what is under way, at most five seconds. */
  flush(): Promise<void>
}

const PACE_MS = 1000
/** What a step may lose to a controller that does not answer. */
const PATIENCE_MS = 5000
/** A controller that is being started again is back by then. */
const ANNOUNCE_MS = 120_000

export function progressReporter(
  job: JobFile,
  step: string,
  say: (line: string) => void,
  signal: AbortSignal,
): ProgressReporter {
  let queue: Promise<void> = Promise.resolve()
  let busy = false
  let sentAt = Number.NEGATIVE_INFINITY
  let complained = false

  function send(progress: ProgressReport): void {
    busy = true
    queue = queue
      .then(() => postPatiently(job, progress, PATIENCE_MS, signal))
      .catch((error: unknown) => {
        // Once is enough for a person; the outcome itself is reported by others, who do not give up.
        if (!complained) say(`progress is not reported: ${errorText(error)}`)
        complained = true
      })
      .finally(() => {
        busy = false
      })
  }

  return {
    message: (message) => send({ step, message }),
    async announce(message) {
      await queue
      await postPatiently(job, { step, message, event: true }, ANNOUNCE_MS, signal)
    },
    bytes(done, total) {
      if (busy || performance.now() - sentAt < PACE_MS) return
      sentAt = performance.now()
      send({ step, bytes: done, total_bytes: total })
    },
    flush: () => queue,
  }
}

/** The network may still be coming up when the first step starts. */
function postPatiently(job: JobFile, progress: ProgressReport, ms: number, signal: AbortSignal): Promise<void> {
  const limit = withTimeout(signal, ms)
  const pace = { firstMs: 250, maxMs: 1000, attempts: Number.POSITIVE_INFINITY }
  return retry(
    () => postProgress(job, progress, limit),
    pace,
    () => !limit.aborted,
    limit,
  )
}
