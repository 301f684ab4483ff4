import type { Controller } from '../client/controller.ts'
import type { EventView, JobView } from '../server/routes/views.ts'
import { formatBytes } from '../shared/byte-size.ts'
import { duration } from '../shared/duration.ts'
import type { Io } from './command.ts'
import { followJob } from './follow-job.ts'
import { ERASE, paint } from './paint.ts'
import { printable } from './printable.ts'
import { progressBar } from './progress-bar.ts'
import { spansOf, timelineText } from './timeline.ts'

/** What standard output gets: a summary, the job as it ended as one document, or each change as a line of JSON. */
export type WatchOutput = 'text' | 'json' | 'lines'

/**
 * Follows a job until it is complete: on a terminal with a progress line that redraws itself, in a pipe with plain lines.
 * What happens goes to standard error, except as JSON lines.
 * @returns the exit code: 0 when the job succeeded
 */
export async function watchJob(
  id: string,
  controller: Pick<Controller, 'get' | 'events'>,
  io: Io,
  signal: AbortSignal,
  output: WatchOutput = 'text',
): Promise<number> {
  const events: EventView[] = []
  let last: JobView | undefined
  const onAway = () => io.err(`${io.interactive ? ERASE : ''}the controller does not answer, trying on\n`)
  for await (const change of followJob(id, controller, onAway, signal)) {
    if (output === 'lines') io.out(`${JSON.stringify(change)}\n`)
    if ('event' in change) {
      events.push(change.event)
      if (output !== 'lines') io.err(`${io.interactive ? ERASE : ''}${eventLine(change.event, events)}\n`)
    } else last = change.job
    if (io.interactive && output !== 'lines' && last !== undefined && last.status !== 'complete')
      io.err(`${ERASE}${progressLine(last, io.columns).slice(0, Math.max(20, io.columns - 1))}`)
  }
  if (last === undefined) throw new Error(`nothing was heard of job ${id}`)
  if (io.interactive && output !== 'lines') io.err(ERASE)
  if (output === 'json') io.out(`${JSON.stringify({ ...last, events })}\n`)
  if (output === 'text') io.out(summary(last, events, io))
  return last.outcome === 'success' ? 0 : 1
}

/** What remains to be said when the job is over; a failure begins with the unit and its last log lines. */
function summary(job: JobView, events: readonly EventView[], io: Io): string {
  const timeline = timelineText(spansOf(events), io.columns)
  const name = `Job ${job.job_id}`
  if (job.outcome === 'success') return `${timeline}${paint('green', `${name} succeeded.`, io)}\n`
  return `${failureText(job, io)}\n${timeline}`
}

/** Which unit failed, and its last log lines. */
export function failureText(job: JobView, io: Pick<Io, 'colour'>): string {
  const where = job.failed_step === null ? '' : ` in ${printable(job.failed_step)}`
  const reason = job.message === null ? '' : `${printable(job.message).trimEnd().replace(/^/gm, '  ')}\n`
  return `${paint('red', `Job ${job.job_id} ended with ${job.outcome}${where}.`, io)}\n${reason}`
}

function eventLine({ at, type, message }: EventView, events: readonly EventView[]): string {
  const seconds = (Date.parse(at) - Date.parse(events[0]?.at ?? at)) / 1000
  return `${seconds.toFixed(1).padStart(7)} s  ${type.padEnd(7)} ${printable(message.split('\n')[0] ?? '')}`
}

/** One line such as `booting: the server has read 34 % of the root image, 12 MiB/s` or `running:image-linux [#####-----] 48 % 52 MiB of 108 MiB, 9.1 MiB/s, 6 s left, unpacking`. */
export function progressLine(job: JobView, columns: number): string {
  const name = job.phase ?? job.status
  const { progress } = job
  // Nothing in the server tells of its progress yet; what is read of its medium does.
  if (name === 'booting' && progress?.step === 'boot')
    return `booting: ${printable(progress.message ?? '')}`.slice(0, columns - 1)
  if (progress === null || progress.bytes === null || progress.total_bytes === null || !name.startsWith('running:'))
    return name
  const left = progress.eta_seconds === null ? '' : `, ${duration(progress.eta_seconds)} left`
  const rate = progress.rate ? `, ${formatBytes(progress.rate)}/s` : ''
  const amount = `${formatBytes(progress.bytes)} of ${formatBytes(progress.total_bytes)}`
  const phase = progress.message === null ? '' : `, ${printable(progress.message)}`
  return `${name} ${progressBar(progress.bytes, progress.total_bytes, columns, 70)} ${amount}${rate}${left}${phase}`
}
