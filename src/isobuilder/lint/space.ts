import { BLOCK } from './block.ts'
import type { Report } from './finding.ts'
import type { LintMedium } from './medium.ts'

/** A run of bytes that something in the image takes. */
export interface Claim {
  /** Byte of the image. */
  readonly start: number
  /** Bytes that mean something; the rest of the last sector belongs to it too and is zero. */
  readonly length: number
  /** `content` may be named any number of times: hard links, two trees, a boot image that is also a file. */
  readonly kind: 'content' | 'metadata'
  /** "the directory /a" */
  readonly what: string
}

/** Who takes which bytes of the image. */
export interface Space {
  take(claim: Claim): void
  /** Takes what begins at `start` and ends where the next thing begins, at the latest at `end`. */
  takeUpToNext(start: number, end: number, what: string): void
  /** Reports what lies over something else. */
  checkOverlaps(report: Report): void
  /** Reports bytes of [0, `end`) that nobody takes and that are not zero. */
  checkGaps(report: Report, medium: LintMedium, end: number): Promise<void>
}

export function createSpace(): Space {
  const contents = new Map<number, Claim>()
  const metadata: Claim[] = []
  const all = () => [...metadata, ...contents.values()].sort((a, b) => a.start - b.start || b.length - a.length)
  return {
    take(claim) {
      if (claim.length === 0) return
      const known = contents.get(claim.start)
      if (claim.kind === 'metadata') metadata.push(claim)
      else if (known === undefined || known.length < claim.length) contents.set(claim.start, claim)
    },
    takeUpToNext(start, end, what) {
      const next = all().find((claim) => claim.start > start)?.start ?? end
      this.take({ start, length: Math.min(next, end) - start, kind: 'content', what })
    },
    checkOverlaps(report) {
      let before: Claim | undefined
      for (const claim of all()) {
        if (before !== undefined && claim.start < before.start + before.length) {
          report.add('extent-overlap', claim.start, `${claim.what} lies over ${before.what}`)
        }
        if (before === undefined || endOf(claim) > endOf(before)) before = claim
      }
    },
    async checkGaps(report, medium, end) {
      let at = 0
      for (const claim of all()) {
        if (claim.start > at) await checkZero(report, medium, at, Math.min(claim.start, end))
        at = Math.max(at, endOf(claim))
      }
      await checkZero(report, medium, at, end)
    },
  }
}

const ZEROS = Buffer.alloc(256 * 1024)

function endOf({ start, length }: Claim): number {
  return start + length
}

async function checkZero(report: Report, medium: LintMedium, start: number, end: number): Promise<void> {
  for await (const { bytes, offset } of medium.pieces(start, end)) {
    // Native, and right nearly always.
    if (bytes.equals(ZEROS.subarray(0, bytes.length))) continue
    const at = bytes.findIndex((byte) => byte !== 0)
    const [code, what] =
      offset + at < 16 * BLOCK
        ? (['system-area', 'the system area'] as const)
        : (['not-zero', 'what is unused'] as const)
    return report.add(code, offset + at, `${what} is not zero in sector ${Math.floor((offset + at) / BLOCK)}`)
  }
}
