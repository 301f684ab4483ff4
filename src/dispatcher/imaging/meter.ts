import { formatBytes } from '../../shared/byte-size.ts'
import { duration } from '../../shared/duration.ts'
import { errorText } from '../../shared/errors.ts'
import { atMostEvery } from '../../shared/time.ts'
import type { ProgressReporter } from '../progress.ts'

/** Counts what has passed in one phase of a step, tells the controller, and now and then the person in front of the screen. */
export interface Meter {
  add(bytes: number): void
  /** Says that the bytes stay away for now, at most once a minute. */
  broke(reason: unknown): void
  /** The phase begins here, by this name: what was done since the first bytes was no part of it. */
  restart(what: string): void
  /** `90 MiB in 3.0 s, 30 MiB/s`, up to the last bytes. */
  summary(): string
}

const SAY_EVERY_MS = 10_000
/** A link that breaks every second must not fill the events of the job. */
const BROKE_EVERY_MS = 60_000
/** Older samples than this say nothing about the rate any more. */
const WINDOW_MS = 30_000

export interface MeterDeps {
  readonly say: (line: string) => void
  readonly progress: Pick<ProgressReporter, 'bytes' | 'note'>
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number
}

export function startMeter(first: string, total: number, deps: MeterDeps): Meter {
  const { say, progress, now } = deps
  let what = first
  let began = now()
  let samples = [{ at: began, done: 0 }]
  let done = 0
  let addedAt = began
  let saidAt = began
  return {
    add(bytes) {
      done += bytes
      progress.bytes(done, total, what)
      const at = now()
      addedAt = at
      if (at - saidAt < SAY_EVERY_MS) return
      saidAt = at
      samples.push({ at, done })
      while (samples.length > 2 && at - (samples[0]?.at ?? at) > WINDOW_MS) samples.shift()
      const [oldest] = samples
      say(progressLine(what, done, total, oldest === undefined ? 0 : ((done - oldest.done) * 1000) / (at - oldest.at)))
    },
    broke: tellBreaks(deps, () => `${formatBytes(done)} of ${formatBytes(total)}`),
    restart(phase) {
      what = phase
      began = now()
      saidAt = began
      samples = [{ at: began, done }]
    },
    summary() {
      // All of a small image has come before its phase began.
      if (addedAt < began) return formatBytes(done)
      const seconds = Math.max(0.001, (addedAt - began) / 1000)
      return `${formatBytes(done)} in ${seconds.toFixed(1)} s, ${formatBytes(done / seconds)}/s`
    },
  }
}

/** Says of connections that broke where they did, on the screen and among the events of the job. */
export function tellBreaks({ say, progress, now }: MeterDeps, place: () => string): (reason: unknown) => void {
  return atMostEvery(BROKE_EVERY_MS, now, (reason) => {
    const text = `the connection broke at ${place()}, trying again: ${errorText(reason)}`
    say(text)
    progress.note(text)
  })
}

/** `reading: 1.0 GiB of 4.0 GiB (25 %), 100 MiB/s, 30 s left` */
export function progressLine(what: string, done: number, total: number, bytesPerSecond: number): string {
  const percent = total === 0 ? 100 : Math.floor((done / total) * 100)
  const left = bytesPerSecond > 0 ? `, ${duration((total - done) / bytesPerSecond)} left` : ''
  return `${what}: ${formatBytes(done)} of ${formatBytes(total)} (${percent} %), ${formatBytes(bytesPerSecond)}/s${left}`
}
