import type { BlobDescriptor, BlobOutcome } from '../oci/content.ts'
import type { CopyObserver } from '../oci/copy.ts'
import { formatBytes } from '../shared/byte-size.ts'
import { duration } from '../shared/duration.ts'
import { errorText } from '../shared/errors.ts'
import { atMostEvery } from '../shared/time.ts'
import type { Io } from './command.ts'
import { ERASE } from './paint.ts'
import { progressBar } from './progress-bar.ts'

/** A redrawn line is read by a person: ten times a second is enough. */
const REDRAW_MS = 100
/** Four blobs at a time may each break every second. */
const BREAK_MS = 60_000

const WORDS: Readonly<Record<BlobOutcome, string>> = {
  stored: 'copied',
  present: 'already there',
  mounted: 'mounted',
}

/** Shows a transfer: on a terminal one line that redraws itself, in a pipe a line for each blob that is done. */
export function transferProgress(io: Io, blobs: readonly BlobDescriptor[]): CopyObserver & { end(): void } {
  const total = blobs.reduce((sum, { size }) => sum + size, 0)
  const started = performance.now()
  let transferred = 0
  let settled = 0
  let drawn = Number.NEGATIVE_INFINITY

  function draw(): void {
    if (!io.interactive || performance.now() - drawn < REDRAW_MS) return
    drawn = performance.now()
    io.err(`${ERASE}${transferLine(transferred + settled, total, transferred, drawn - started, io.columns)}`)
  }

  return {
    bytes(count) {
      transferred += count
      draw()
    },
    blob({ digest, size }, outcome) {
      if (outcome !== 'stored') settled += size
      if (!io.interactive) io.err(`${digest.slice(0, 19)}  ${formatBytes(size).padStart(9)}  ${WORDS[outcome]}\n`)
      draw()
    },
    end() {
      if (io.interactive) io.err(ERASE)
    },
  }
}

/** Says of connections to the source that they broke: between redraws, and in a pipe, where nothing else shows that it waits. */
export function transferBreaks(io: Io, now: () => number = () => performance.now()): (reason: unknown) => void {
  const erase = io.interactive ? ERASE : ''
  return atMostEvery(BREAK_MS, now, (reason) =>
    io.err(`${erase}The connection broke, trying again: ${errorText(reason)}\n`),
  )
}

/** One line such as `[#####-----] 48 % 52 MiB of 108 MiB, 9.1 MiB/s, 6 s left`. */
export function transferLine(done: number, total: number, transferred: number, ms: number, columns: number): string {
  const rate = ms > 0 ? (transferred * 1000) / ms : 0
  const speed = rate > 0 ? `, ${formatBytes(rate)}/s, ${duration((total - done) / rate)} left` : ''
  return `${progressBar(done, total, columns, 60)} ${formatBytes(done)} of ${formatBytes(total)}${speed}`
}
