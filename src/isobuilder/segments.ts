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
  let digest: Digest | undefined
  return {
    size,
    segments,
    // Many images are only written, and nobody asks.
    get digest() {
      digest ??= digestOf(size, segments)
      return digest
    },
  }
}

/**
 * The image as the content of one file in another image. It is read once, for the digest; nothing is copied, and later
 * reads go through to the sources.
 */
export async function segmentsSource(image: SegmentedImage, signal: AbortSignal): Promise<Source> {
  const hash = createHash('sha256')
  for await (const chunk of readSegments(image, 0, image.size, { signal })) hash.update(chunk)
  return {
    size: image.size,
    digest: `sha256:${hash.digest('hex')}`,
    read: (offset, length, stop, into) => readRange(image, offset, offset + length, stop, into),
  }
}

/** The bytes [start, end) in one piece, which may lie in the memory given for them. @throws RangeError outside of the image */
export async function readRange(
  image: SegmentedImage,
  start: number,
  end: number,
  signal?: AbortSignal,
  into?: Uint8Array,
): Promise<Uint8Array> {
  if (!(start >= 0 && start <= end && end <= image.size)) throw outside(start, end, image)
  signal?.throwIfAborted()
  const first = firstSegmentEndingAfter(image.segments, start)
  return readPart(touching(image.segments, first, end), start, end, signal, into?.subarray(0, end - start))
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
  into?: Uint8Array,
): Promise<Uint8Array> {
  const [only] = segments
  if (segments.length === 1 && only !== undefined && only.start <= start && endOf(only) >= end) {
    return readSegment(only, start, end, signal, into)
  }
  // Zeros between the segments: never memory that held something else.
  const bytes = into?.fill(0) ?? new Uint8Array(end - start)
  const reading: Promise<void>[] = []
  for (const segment of segments) {
    const from = Math.max(start, segment.start)
    const part = readSegment(segment, from, Math.min(end, endOf(segment)), signal)
    if (part instanceof Uint8Array) bytes.set(part, from - start)
    else reading.push(part.then((read) => bytes.set(read, from - start)))
  }
  await Promise.all(reading)
  return bytes
}

/** At once where the bytes are in memory: an image has tens of thousands of segments, and a promise for each is felt. */
function readSegment(
  segment: Segment,
  start: number,
  end: number,
  signal: AbortSignal | undefined,
  into?: Uint8Array,
): Uint8Array | Promise<Uint8Array> {
  const skipped = start - segment.start
  const length = end - start
  if ('bytes' in segment) return segment.bytes.subarray(skipped, skipped + length)
  const { source, offset } = segment
  const at = offset + skipped
  if (source.held?.length === source.size) return source.held.subarray(at, at + length)
  return readSource(source, at, length, signal, into)
}

async function readSource(
  source: Source,
  offset: number,
  length: number,
  signal: AbortSignal | undefined,
  into: Uint8Array | undefined,
): Promise<Uint8Array> {
  const bytes = await source.read(offset, length, signal, into)
  if (bytes.byteLength !== length) {
    throw new RangeError(`Cannot read ${length} bytes of a source: it gave ${bytes.byteLength}`)
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
  let lines = [`${size}`]
  for (const segment of segments) {
    lines.push(`${segment.start} ${segment.length} `)
    if ('bytes' in segment) {
      hash.update(lines.join('\n')).update(segment.bytes)
      lines = []
    } else lines.push(`${segment.source.digest} ${segment.offset}`)
  }
  return `sha256:${hash.update(lines.join('\n')).digest('hex')}`
}

function outside(start: number, end: number, { size }: SegmentedImage): RangeError {
  return new RangeError(`Cannot read bytes ${start} to ${end}: the image has ${size}`)
}
