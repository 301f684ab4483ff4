import type { Controller } from '../client/controller.ts'
import type { EventView, JobView } from '../server/routes/views.ts'
import { formatBytes } from '../shared/byte-size.ts'
import { isAppError } from '../shared/errors.ts'
import type { Backoff } from '../shared/time.ts'
import { retry, sleep } from '../shared/time.ts'
import type { Io } from './command.ts'
import { printable } from './printable.ts'
import { spansOf, timelineText } from './timeline.ts'

const POLL_MS = 1000

/** About ten minutes: a controller that is restarted or updated goes on with the job, and so does whoever watches. */
const RETURN: Backoff = { firstMs: 500, maxMs: 10_000, attempts: 80 }

/**
 * Follows a job until it is complete: on a terminal with a progress line that redraws itself, in a pipe with plain lines.
 * What happens goes to standard error; standard output gets the summary, or with `json` the job as one line.
 * @returns the exit code: 0 when the job succeeded
 */
export async function watchJob(
  id: string,
  controller: Controller,
  io: Io,
  signal: AbortSignal,
  json = false,
): Promise<number> {
  let seen = 0
  let reached = false
  const look = (attempt: number) => {
    if (attempt === 1) io.err('the controller does not answer, trying on\n')
    return controller.get<JobView>(`/jobs/${encodeURIComponent(id)}`)
  }
  for (;;) {
    const job = await retry(look, RETURN, (error) => reached && isAppError(error, 'controller-unreachable'), signal)
    reached = true
    const events = job.events ?? []
    clearLine(io)
    for (const event of events) {
      if (event.seq <= seen) continue
      io.err(`${eventLine(event, events)}\n`)
      seen = event.seq
    }
    if (job.status === 'complete') return json ? finishJson(job, io) : finish(job, events, io)
    if (io.interactive) io.err(progressLine(job, io.columns).slice(0, Math.max(20, io.columns - 1)))
    await sleep(POLL_MS, signal)
  }
}

function finishJson(job: JobView, io: Io): number {
  io.out(`${JSON.stringify(job)}\n`)
  return job.outcome === 'success' ? 0 : 1
}

/** What remains to be said when the job is over; a failure begins with the unit and its last log lines. */
function finish(job: JobView, events: readonly EventView[], io: Io): number {
  io.out(timelineText(spansOf(events), io.columns))
  if (job.outcome === 'success') {
    io.out(`Job ${job.job_id} succeeded.\n`)
    return 0
  }
  const reason = job.message === null ? '' : `\n${printable(job.message).trimEnd().replace(/^/gm, '  ')}`
  io.out(
    `Job ${job.job_id} ended with ${job.outcome}${job.failed_step === null ? '' : ` in ${job.failed_step}`}.${reason}\n`,
  )
  return 1
}

function eventLine({ at, type, message }: EventView, events: readonly EventView[]): string {
  const seconds = (Date.parse(at) - Date.parse(events[0]?.at ?? at)) / 1000
  return `${seconds.toFixed(1).padStart(7)} s  ${type.padEnd(7)} ${printable(message.split('\n')[0] ?? '')}`
}

/** One line such as `booting: the server has read 34 % of the root image, 12 MiB/s` or `running:image-linux [#####-----] 48 % 52 MiB of 108 MiB, 9.1 MiB/s, 6 s left`. */
export function progressLine(job: JobView, columns: number): string {
  const name = job.phase ?? job.status
  const { progress } = job
  // Nothing in the server tells of its progress yet; what is read of its medium does.
  if (name === 'booting' && progress?.step === 'boot') return `booting: ${progress.message}`.slice(0, columns - 1)
  if (progress === null || progress.bytes === null || progress.total_bytes === null || !name.startsWith('running:'))
    return name
  const share = Math.min(1, progress.bytes / Math.max(1, progress.total_bytes))
  const cells = Math.max(10, Math.min(30, columns - 70))
  const full = Math.round(share * cells)
  const left = progress.rate ? `, ${Math.ceil((progress.total_bytes - progress.bytes) / progress.rate)} s left` : ''
  const rate = progress.rate ? `, ${formatBytes(progress.rate)}/s` : ''
  const amount = `${formatBytes(progress.bytes)} of ${formatBytes(progress.total_bytes)}`
  return `${name} [${'#'.repeat(full)}${'-'.repeat(cells - full)}] ${Math.floor(share * 100)} % ${amount}${rate}${left}`
}

function clearLine(io: Io): void {
  if (io.interactive) io.err('\r\u001b[2K')
}
