import { sleep } from '../../shared/time.ts'
import type { RedfishAnswer } from './answer.ts'
import { textAt } from './json.ts'
import { hasMessage } from './messages.ts'
import { pollUntil } from './polling.ts'
import { retryAfterMs } from './retries.ts'
import type { Timing } from './timing.ts'

/** `TaskState` of Task, `JobState` of Dell's jobs, which answer under the same Location. */
const FAILED = /^(Exception|Killed|Cancelled|Failed|CompletedWithErrors)$/
const DONE = /^(Completed|RebootCompleted)$/

/** A change for the next reset: Dell's job waits for it. */
const SCHEDULED = /^(Scheduled|Pending)$/
const SCHEDULED_MESSAGE = /JCP001$/

/** Dell makes the job known some seconds after it has told where it is, and deletes none by itself. */
const DELL_JOB = /\/JID_[^/]*$/
const UNBORN_TRIES = 3
const UNBORN_MS = 10_000

export interface TaskReader {
  /** One GET of a monitor's path; a refusal is a value. */
  get(path: string, signal: AbortSignal): Promise<RedfishAnswer>
  pathOfLocation(location: string): string
}

/**
 * Follows a 202 to its end (DSP0266 "Asynchronous operations"): the task monitor in Location, else the task in the body.
 * Any other answer is the end already. A failed task becomes an answer of status 500 with the task's messages. What is
 * asked for `atReset` has ended when it is scheduled, and the answer names its task.
 */
export async function settle(
  reader: TaskReader,
  answer: RedfishAnswer,
  timing: Timing,
  signal: AbortSignal,
  atReset = false,
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
  const ended = (found: RedfishAnswer): boolean =>
    (seen || unborn >= UNBORN_TRIES) && (!isRunning(found) || (atReset && isScheduled(found)))
  const last = await pollUntil(look, ended, { everyMs: timing.pollMs, limitMs: timing.taskMs }, signal)
  if (atReset && isScheduled(last)) {
    return { ...last, method: answer.method, path: answer.path, status: 202, messages: [], scheduled: monitor }
  }
  return outcome(answer, last, seen || !DELL_JOB.test(monitor))
}

/** A task in the body comes before Location: Huawei's leads to a monitor that does not tell the task's state. */
function monitorOf(reader: TaskReader, answer: RedfishAnswer): string | undefined {
  const isTask = stateOf(answer) !== undefined || /Task/.test(textAt(answer.body, '@odata.type') ?? '')
  const link = (isTask ? textAt(answer.body, '@odata.id') : undefined) ?? answer.headers.location
  return link === undefined ? undefined : reader.pathOfLocation(link)
}

function outcome(first: RedfishAnswer, last: RedfishAnswer, wasThere: boolean): RedfishAnswer {
  const { method, path } = first
  const state = stateOf(last)
  if (isRunning(last))
    return { ...last, method, path, status: 504, messages: [note(`the task is still ${state ?? 'running'}`)] }
  // A monitor that is gone has ended, perhaps before the first look: whoever asked reads the result back.
  if (last.status === 404 && wasThere) return { ...last, method, path, status: 200, messages: [] }
  const failed = state !== undefined && (FAILED.test(state) || textAt(last.body, 'TaskStatus') === 'Critical')
  if (!failed) return { ...last, method, path }
  const messages = last.messages.length > 0 ? last.messages : [note(`the task ended as ${state}`)]
  return { ...last, method, path, status: 500, messages, byTask: true }
}

function isRunning(answer: RedfishAnswer): boolean {
  const state = stateOf(answer)
  if (state === undefined) return answer.status === 202
  return !FAILED.test(state) && !DONE.test(state)
}

function isScheduled(answer: RedfishAnswer): boolean {
  const states = [stateOf(answer), textAt(answer.body, 'Oem', 'Dell', 'JobState')]
  return states.some((state) => SCHEDULED.test(state ?? '')) || hasMessage(answer.messages, SCHEDULED_MESSAGE)
}

function stateOf(answer: RedfishAnswer): string | undefined {
  return textAt(answer.body, 'TaskState') ?? textAt(answer.body, 'JobState')
}

function note(text: string) {
  return { id: '', text, arguments: [], properties: [] }
}
