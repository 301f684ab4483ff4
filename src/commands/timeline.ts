import type { EventView } from '../server/routes/views.ts'

/** One phase of a job: when it began, seconds since the job was created, and how long it took. */
export interface Span {
  readonly name: string
  readonly startSeconds: number
  /** Undefined while it still runs. */
  readonly seconds: number | undefined
}

/** The phases of a job from its events: each ends when the next begins, the last one with `complete`. */
export function spansOf(events: readonly EventView[]): Span[] {
  const first = events[0]
  if (first === undefined) return []
  const origin = Date.parse(first.at)
  const marks = events.flatMap(({ span, at }) => (span === null ? [] : [{ name: span, at: Date.parse(at) }]))
  return marks.flatMap((mark, index) => {
    if (mark.name === 'complete') return []
    const next = marks[index + 1]
    const seconds = next === undefined ? undefined : (next.at - mark.at) / 1000
    return [{ name: mark.name, startSeconds: (mark.at - origin) / 1000, seconds }]
  })
}

/** A table with a bar for each phase, for a terminal or a log. */
export function timelineText(spans: readonly Span[], columns: number): string {
  const total = Math.max(1, ...spans.map((span) => span.startSeconds + (span.seconds ?? 0)))
  const width = Math.max(10, Math.min(60, columns - 44))
  const lines = spans.map(({ name, startSeconds, seconds }) => {
    const from = Math.floor((startSeconds / total) * width)
    const length = Math.max(1, Math.round(((seconds ?? 0) / total) * width))
    const bar = `${' '.repeat(from)}${'█'.repeat(Math.min(length, width - from))}`
    const took = seconds === undefined ? '…' : `${seconds.toFixed(1)} s`
    return `${startSeconds.toFixed(1).padStart(8)}  ${name.padEnd(22)} ${took.padStart(9)}  ${bar}`
  })
  return `${['  at (s)  phase                       took', ...lines].join('\n')}\n`
}
