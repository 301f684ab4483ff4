import type { IsoPlan, Segment } from './plan.ts'

/** Bytes handed out at a time: enough to keep a disk busy, little enough for many readers at once. */
const CHUNK = 256 * 1024

/**
 * The bytes [start, end) of the image, read from the sources as they are asked for. Two calls give the same bytes.
 * @throws RangeError when the range is not inside the image; `iso-plan` when a source is short or has changed.
 */
export async function* readIso(
  plan: IsoPlan,
  start: number,
  end: number,
  options: { readonly chunk?: number; readonly signal?: AbortSignal } = {},
): AsyncGenerator<Uint8Array> {
  if (!(start >= 0 && start <= end && end <= plan.size)) {
    throw new RangeError(`Cannot read bytes ${start} to ${end}: the image has ${plan.size}`)
  }
  const { chunk = CHUNK, signal } = options
  if (!(chunk >= 1)) throw new RangeError(`Cannot read ${chunk} bytes at a time`)
  let first = firstSegmentEndingAfter(plan.segments, start)
  for (let at = start; at < end; at += chunk) {
    signal?.throwIfAborted()
    const until = Math.min(at + chunk, end)
    let last = first
    while ((plan.segments[last]?.start ?? Infinity) < until) last++
    yield await readPart(plan.segments.slice(first, last), at, until, signal)
    // The last segment may go on in the next part.
    first = last > first && endOf(plan.segments[last - 1]) > until ? last - 1 : last
  }
}

/** The bytes [start, end) out of the segments that touch them. */
async function readPart(
  segments: readonly Segment[],
  start: number,
  end: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const [only] = segments
  if (segments.length === 1 && only !== undefined && only.start <= start && endOf(only) >= end) {
    return readSegment(only, start, end, signal)
  }
  // Zeros between the segments: never memory that held something else.
  const bytes = new Uint8Array(end - start)
  await Promise.all(
    segments.map(async (segment) => {
      const from = Math.max(start, segment.start)
      bytes.set(await readSegment(segment, from, Math.min(end, endOf(segment)), signal), from - start)
    }),
  )
  return bytes
}

async function readSegment(
  segment: Segment,
  start: number,
  end: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const skipped = start - segment.start
  if ('bytes' in segment) return segment.bytes.subarray(skipped, skipped + end - start)
  const bytes = await segment.source.read(segment.offset + skipped, end - start, signal)
  if (bytes.byteLength !== end - start) {
    throw new RangeError(`Cannot read ${end - start} bytes of a source: it gave ${bytes.byteLength}`)
  }
  return bytes
}

/** Binary search: an image has tens of thousands of segments, and is read in thousands of small ranges. */
function firstSegmentEndingAfter(segments: readonly Segment[], offset: number): number {
  let low = 0
  let high = segments.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (endOf(segments[middle]) > offset) high = middle
    else low = middle + 1
  }
  return low
}

function endOf(segment: Segment | undefined): number {
  return segment === undefined ? Infinity : segment.start + segment.length
}
