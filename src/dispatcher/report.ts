import { AppError, isAppError } from '../shared/errors.ts'
import type { HttpRequest } from '../shared/http-client.ts'
import { readBody, retryAfterSeconds, sendRequest } from '../shared/http-client.ts'
import type { JobFile, ProgressReport } from '../shared/task/job-file.ts'
import { jobUrl, SECRET_HEADER } from '../shared/task/job-file.ts'
import { withTimeout } from '../shared/time.ts'
import { connectionsTo } from './connections.ts'

/** One post of a sentence may take this long, however the network behaves. */
const POST_MS = 20_000
const IDLE_MS = 10_000
const MAX_ANSWER_BYTES = 64 * 1024

/**
 * Posts to the controller with the job's secret.
 * @throws `controller-unreachable` for anything but a 2xx answer, with its status among the facts and what its `Retry-After` asks for
 */
export async function post(
  job: JobFile,
  url: string,
  body: string,
  contentType: 'application/json' | 'text/plain; charset=utf-8',
  signal: AbortSignal,
  postMs = POST_MS,
): Promise<void> {
  const request: HttpRequest = {
    url: new URL(url),
    method: 'POST',
    headers: { 'content-type': contentType, [SECRET_HEADER]: job.webhook.secret },
    body,
    connections: connectionsTo(job),
    idleMs: IDLE_MS,
  }
  const { status, retryAfter } = await send(request, withTimeout(signal, postMs)).catch((cause: unknown) => {
    signal.throwIfAborted()
    throw new AppError('controller-unreachable', `Cannot reach the controller at ${request.url.origin}`, { cause })
  })
  if (status >= 200 && status < 300) return
  const options = { facts: { status }, ...(retryAfter !== undefined && { retryAfterSeconds: retryAfter }) }
  throw new AppError('controller-unreachable', `Cannot report to ${request.url.origin}: it answered ${status}`, options)
}

/** @throws `controller-unreachable` */
export function postProgress(job: JobFile, progress: ProgressReport, signal: AbortSignal): Promise<void> {
  return post(job, jobUrl(job, 'progress'), JSON.stringify(progress), 'application/json', signal)
}

async function send(request: HttpRequest, signal: AbortSignal) {
  const answer = await sendRequest(request, signal)
  await readBody(answer, MAX_ANSWER_BYTES)
  return { status: answer.status, retryAfter: retryAfterSeconds(answer) }
}

/** A job that is over, another job's secret, and no such job: no later try is answered otherwise. */
export function isRefusal(error: unknown): boolean {
  return isAppError(error, 'controller-unreachable') && [401, 404, 409].includes(Number(error.facts['status']))
}
