import type { Controller } from '../client/controller.ts'
import type { ServerSentEvent } from '../client/server-sent-events.ts'
import type { EventView, JobView } from '../server/routes/views.ts'
import { isAppError } from '../shared/errors.ts'
import type { Backoff } from '../shared/time.ts'
import { retry, sleep } from '../shared/time.ts'

/** What happens to a job: an event of its history, or the job as it is now. */
export type JobChange = { readonly event: EventView } | { readonly job: JobView }

const POLL_MS = 1000

/** About ten minutes: a controller that is restarted or updated goes on with the job, and so does whoever follows it. */
const RETURN: Backoff = { firstMs: 500, maxMs: 10_000, attempts: 80 }

/**
 * Every change of a job until it is complete, each event once: from the stream of events, or by asking each second where there
 * is none for us. Goes on where it was when the controller was away.
 */
export async function* followJob(
  id: string,
  controller: Pick<Controller, 'get' | 'events'>,
  onAway: () => void,
  signal: AbortSignal,
): AsyncGenerator<JobChange, void> {
  const path = `/jobs/${encodeURIComponent(id)}`
  let lastId: string | undefined
  let reached = false
  const open = (attempt: number) => {
    if (attempt === 1) onAway()
    return controller.events(`${path}/events`, lastId)
  }
  const isAway = (error: unknown) => reached && isAppError(error, 'controller-unreachable')
  for (;;) {
    const stream = await retry(open, RETURN, isAway, signal)
    reached = true
    if (stream === undefined) return yield* pollJob(path, controller, Number(lastId ?? 0), onAway, signal)
    try {
      for await (const event of stream) {
        const change = changeOf(event)
        if (change === undefined) continue
        yield change
        if ('job' in change && change.job.status === 'complete') return
        lastId = event.id ?? lastId
      }
    } catch (error) {
      if (!isAppError(error, 'controller-unreachable')) throw error
      onAway()
    }
    // The stream ended and the job did not: the controller stops, or wants to know again who we are.
    await sleep(POLL_MS, signal)
  }
}

async function* pollJob(
  path: string,
  controller: Pick<Controller, 'get'>,
  after: number,
  onAway: () => void,
  signal: AbortSignal,
): AsyncGenerator<JobChange, void> {
  let seen = after
  const look = (attempt: number) => {
    if (attempt === 1) onAway()
    return controller.get<JobView>(path)
  }
  for (;;) {
    const job = await retry(look, RETURN, (error) => isAppError(error, 'controller-unreachable'), signal)
    for (const event of job.events ?? []) {
      if (event.seq <= seen) continue
      seen = event.seq
      yield { event }
    }
    yield { job }
    if (job.status === 'complete') return
    await sleep(POLL_MS, signal)
  }
}

/** Events of later controllers are left out. */
function changeOf({ event, data }: ServerSentEvent): JobChange | undefined {
  if (event === 'entry') return { event: JSON.parse(data) as EventView }
  return event === 'job' ? { job: JSON.parse(data) as JobView } : undefined
}
