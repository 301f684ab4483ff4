import { sleep } from '../../shared/time.ts'
import type { RedfishAnswer } from './answer.ts'
import { textAt } from './json.ts'
import { pollUntil } from './polling.ts'
import { retryAfterMs } from './retries.ts'
import type { Timing } from './timing.ts'

/** `TaskState` of Task, `JobState` of Dell's jobs, which answer under the same Location. */
const FAILED = /^(Exception|Killed|Cancelled|Failed|CompletedWithErrors)$/
const DONE = /^(Completed|RebootCompleted)$/

/** Dell makes the job known some seconds after it has told where it is. */
const UNBORN_TRIES = 3
const UNBORN_MS = 10_000

export interface TaskReader {
  /** One GET of a monitor's path; a refusal is a value. */
  get(path: string, signal: AbortSignal): Promise<RedfishAnswer>
  pathOfLocation(location: string): string
}

/**
 * Follows a 202 to its end (DSP0266 "Asynchronous operations"): the task monitor in Location, else the task in the body.
 * Any other answer is the end already. A failed task becomes an answer of status 500 with the task's messages.
 */
export async function settle(
  reader: TaskReader,
  answer: RedfishAnswer,
  timing: Timing,
  signal: AbortSignal,
): Promise<RedfishAnswer> {
  const monitor = answer.status === 202 ? monitorOf(reader, answer) : undefined
  if (monitor === undefined) return answer
  let seen = false
  let unborn = 0
  const look = async (): Promise<RedfishAnswer> => {
    const found = await reader.get(monitor, signal)
    seen ||= found.status !== 404
    if (!seen) {
      await sleep(UNBORN_MS * timing.waitFactor, signal)
      unborn++
    } else {
      await sleep(Math.min(retryAfterMs(found) ?? 0, 30_000) * timing.waitFactor, signal)
    }
    return found
  }
  const ended = (found: RedfishAnswer): boolean => (seen || unborn >= UNBORN_TRIES) && !isRunning(found)
  const last = await pollUntil(look, ended, { everyMs: timing.pollMs, limitMs: timing.taskMs }, signal)
  return outcome(answer, last, seen)
}

function monitorOf(reader: TaskReader, answer: RedfishAnswer): string | undefined {
  const location = answer.headers.location
  if (location !== undefined) return reader.pathOfLocation(location)
  const isTask = stateOf(answer) !== undefined || /Task/.test(textAt(answer.body, '@odata.type') ?? '')
  const task = isTask ? textAt(answer.body, '@odata.id') : undefined
  return task === undefined ? undefined : reader.pathOfLocation(task)
}

function outcome(first: RedfishAnswer, last: RedfishAnswer, seen: boolean): RedfishAnswer {
  const { method, path } = first
  const state = stateOf(last)
  if (isRunning(last))
    return { ...last, method, path, status: 504, messages: [note(`the task is still ${state ?? 'running'}`)] }
  // A monitor that was there and is gone has ended: the task was deleted after it. Whoever asked reads the result back.
  if (last.status === 404 && seen) return { ...last, method, path, status: 200, messages: [] }
  const failed = state !== undefined && (FAILED.test(state) || textAt(last.body, 'TaskStatus') === 'Critical')
  if (!failed) return { ...last, method, path }
  const messages = last.messages.length > 0 ? last.messages : [note(`the task ended as ${state}`)]
  return { ...last, method, path, status: 500, messages }
}

function isRunning(answer: RedfishAnswer): boolean {
  const state = stateOf(answer)
  if (state === undefined) return answer.status === 202
  return !FAILED.test(state) && !DONE.test(state)
}

function stateOf(answer: RedfishAnswer): string | undefined {
  return textAt(answer.body, 'TaskState') ?? textAt(answer.body, 'JobState')
}

function note(text: string) {
  return { id: '', text, arguments: [], properties: [] }
}
