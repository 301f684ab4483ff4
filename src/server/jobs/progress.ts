import type { Progress } from './machine.ts'

/** What a step says of itself. */
export interface StepReport {
  readonly step: string
  readonly bytes?: number | null
  readonly total_bytes?: number | null
  readonly message?: string | null
  readonly event?: boolean | undefined
}

const MAX_MESSAGE = 1024
/** A rate follows the last ten seconds or so: it neither jumps with every report nor lags behind a link that broke. */
const SMOOTHING_SECONDS = 10
/** A step that moves reports each second, one that stands still repeats itself within twenty (src/dispatcher/progress.ts). */
const LATE_SECONDS = 20

/** Longer than any step may run is no estimate. */
const MAX_ETA_SECONDS = 24 * 3600

/** The progress after a report, with its rate in bytes per second, smoothed over time. Pure. */
export function progressAfter(before: Progress | null, report: StepReport, at: Date): Progress {
  const bytes = report.bytes ?? null
  const said = report.message?.slice(0, MAX_MESSAGE) ?? null
  const isEvent = report.event === true && said !== null
  // It comes in the middle of a phase, whose name and rate stay what they are.
  const isBeside = isEvent && bytes !== null && before?.step === report.step && before.bytes !== null
  const message = isBeside ? before.message : said
  const isSame = before?.step === report.step && before.message === message
  return {
    step: report.step,
    bytes,
    totalBytes: report.total_bytes ?? null,
    rate: rateAfter(isSame ? before : null, bytes, at),
    message,
    ...(isEvent && { event: said }),
    at,
  }
}

/** The rate as it is `now`: no report at all is no byte, once the next one is late. */
export function rateAt({ rate, at }: Pick<Progress, 'rate' | 'at'>, now: Date): number | null {
  const late = (now.getTime() - at.getTime()) / 1000 - LATE_SECONDS
  return rate === null || late <= 0 ? rate : rate * Math.exp(-late / SMOOTHING_SECONDS)
}

/** Seconds until the phase has done all; null when nobody can tell. */
export function etaSeconds({
  bytes,
  totalBytes,
  rate,
}: Pick<Progress, 'bytes' | 'totalBytes' | 'rate'>): number | null {
  if (bytes === null || totalBytes === null || rate === null || rate <= 0) return null
  const seconds = Math.max(0, Math.ceil((totalBytes - bytes) / rate))
  return seconds > MAX_ETA_SECONDS ? null : seconds
}

function rateAfter(before: Progress | null, bytes: number | null, at: Date): number | null {
  if (before === null || before.bytes === null || bytes === null || bytes < before.bytes) return null
  const seconds = (at.getTime() - before.at.getTime()) / 1000
  if (seconds <= 0) return before.rate
  const now = (bytes - before.bytes) / seconds
  const weight = 1 - Math.exp(-seconds / SMOOTHING_SECONDS)
  return before.rate === null ? now : before.rate + (now - before.rate) * weight
}
