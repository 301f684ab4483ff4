import type { Controller } from '../client/controller.ts'
import type { EventView, JobView } from '../server/routes/views.ts'
import { formatBytes } from '../shared/byte-size.ts'
import { sleep } from '../shared/time.ts'
import type { Io } from './command.ts'
import { spansOf, timelineText } from './timeline.ts'

const POLL_MS = 1000

/**
 * Follows a job until it is complete: on a terminal with a progress line that redraws itself, in a pipe with plain lines.
 * @returns the exit code: 0 when the job succeeded
 */
export async function watchJob(id: string, controller: Controller, io: Io, signal: AbortSignal): Promise<number> {
  let seen = 0
  for (;;) {
    const job = await controller.get<JobView>(`/jobs/${id}`)
    const events = job.events ?? []
    clearLine(io)
    for (const event of events) {
      if (event.seq <= seen) continue
      io.err(`${eventLine(event, events)}\n`)
      seen = event.seq
    }
    if (job.status === 'complete') return finish(job, events, io)
    if (io.interactive) io.err(progressLine(job, io.columns))
    await sleep(POLL_MS, signal)
  }
}

/** What remains to be said when the job is over; a failure begins with the unit and its last log lines. */
function finish(job: JobView, events: readonly EventView[], io: Io): number {
  io.out(timelineText(spansOf(events), io.columns))
  if (job.outcome === 'success') {
    io.out(`Job ${job.job_id} succeeded.\n`)
    return 0
  }
  const reason = job.message === null ? '' : `\n${job.message.trimEnd().replace(/^/gm, '  ')}`
  io.out(
    `Job ${job.job_id} ended with ${job.outcome}${job.failed_step === null ? '' : ` in ${job.failed_step}`}.${reason}\n`,
  )
  return 1
}

function eventLine({ at, type, message }: EventView, events: readonly EventView[]): string {
  const seconds = (Date.parse(at) - Date.parse(events[0]?.at ?? at)) / 1000
  return `${seconds.toFixed(1).padStart(7)} s  ${type.padEnd(7)} ${message.split('\n')[0]}`
}

/** One line such as `running:image-linux [#####-----] 48 % 52 MiB of 108 MiB, 9.1 MiB/s, 6 s left`. */
export function progressLine(job: JobView, columns: number): string {
  const name = job.phase ?? job.status
  const { progress } = job
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
