import { createHash } from 'node:crypto'
import type { Digest } from '../shared/digest.ts'
import type { Source } from './source.ts'

/** A run of an image whose bytes are known, or come from a source. Offsets and lengths in bytes. */
export type Segment =
  | { readonly start: number; readonly length: number; readonly bytes: Uint8Array }
  | { readonly start: number; readonly length: number; readonly source: Source; readonly offset: number }

/** Any file that exists only as a list of where its bytes come from: an ISO image, a FAT image, a boot program. */
export interface SegmentedImage {
  readonly size: number
  /** Of the list, not of the bytes; equal digests mean equal bytes. */
  readonly digest: Digest
  /** In order, without overlap; what lies between them is zeros. */
  readonly segments: readonly Segment[]
}

/** Bytes handed out at a time: enough to keep a disk busy, little enough for many readers at once. */
const CHUNK = 256 * 1024

/** An image of those segments, which come in order. */
export function segmentedImage(size: number, segments: readonly Segment[]): SegmentedImage {
  return { size, digest: digestOf(size, segments), segments }
}

/** The image as the content of one file in another image. Nothing is copied: reads go through to the sources. */
export function segmentsSource(image: SegmentedImage): Source {
  return {
    size: image.size,
    digest: image.digest,
    read: async (offset, length, signal) => {
      if (!(offset >= 0 && length >= 0 && offset + length <= image.size)) throw outside(offset, offset + length, image)
      signal?.throwIfAborted()
      const first = firstSegmentEndingAfter(image.segments, offset)
      return readPart(touching(image.segments, first, offset + length), offset, offset + length, signal)
    },
  }
}

/** The bytes [start, end), read from the sources as they are asked for. @throws RangeError outside of the image */
export async function* readSegments(
  image: SegmentedImage,
  start: number,
  end: number,
  options: { readonly chunk?: number; readonly signal?: AbortSignal } = {},
): AsyncGenerator<Uint8Array> {
  if (!(start >= 0 && start <= end && end <= image.size)) throw outside(start, end, image)
  const { chunk = CHUNK, signal } = options
  if (!(chunk >= 1)) throw new RangeError(`Cannot read ${chunk} bytes at a time`)
  let first = firstSegmentEndingAfter(image.segments, start)
  for (let at = start; at < end; at += chunk) {
    signal?.throwIfAborted()
    const until = Math.min(at + chunk, end)
    const parts = touching(image.segments, first, until)
    yield await readPart(parts, at, until, signal)
    // The last segment may go on in the next part.
    const last = first + parts.length
    first = last > first && endOf(image.segments[last - 1]) > until ? last - 1 : last
  }
}

function touching(segments: readonly Segment[], first: number, end: number): readonly Segment[] {
  let last = first
  while ((segments[last]?.start ?? Infinity) < end) last++
  return segments.slice(first, last)
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

/** Where everything is, our own bytes, and the digests of the others'. */
function digestOf(size: number, segments: readonly Segment[]): Digest {
  const hash = createHash('sha256')
  // Gathered: a call for each of twenty thousand lines costs more than the sum over them.
  let text = `${size}\n`
  for (const segment of segments) {
    text += `${segment.start} ${segment.length} `
    if ('bytes' in segment) {
      hash.update(text).update(segment.bytes)
      text = ''
    } else text += `${segment.source.digest} ${segment.offset}\n`
  }
  return `sha256:${hash.update(text).digest('hex')}`
}

function outside(start: number, end: number, { size }: SegmentedImage): RangeError {
  return new RangeError(`Cannot read bytes ${start} to ${end}: the image has ${size}`)
}
