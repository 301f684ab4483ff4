/** A part of some content, in bytes; `end` is exclusive. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** podman's partial pulls ask for up to 1,024 ranges in one request; twice that is still no burden. */
const MAX_RANGES = 2048

const RANGE = /^(?:(\d+)-(\d*)|-(\d+))$/

/**
 * Resolves a `Range` header against content of `size` bytes (RFC 9110 14.2). `undefined` means "send the whole content":
 * no header, another unit, a syntax error or an abusive number of ranges. `'unsatisfiable'` means 416: nothing asked for
 * exists, or a range ends before it begins (which RFC 9110 would let us ignore, but the OCI conformance suite wants 416).
 *
 * Ranges keep the order of the request, and adjacent ones stay apart: c/image counts the parts it gets back. Only ranges
 * that overlap are merged, so that the answer is never larger than the content.
 */
export function parseRange(
  header: string | undefined,
  size: number,
): readonly ByteRange[] | 'unsatisfiable' | undefined {
  const list = header === undefined ? undefined : /^\s*bytes\s*=(.*)$/i.exec(header)?.[1]
  if (list === undefined) return undefined
  const specs = list.split(',').map((spec) => spec.trim())
  const wanted = specs.filter((spec) => spec !== '')
  if (wanted.length === 0 || wanted.length > MAX_RANGES) return undefined

  const ranges: ByteRange[] = []
  for (const spec of wanted) {
    const range = resolveSpec(spec, size)
    if (range === 'malformed') return undefined
    if (range === 'reversed') return 'unsatisfiable'
    if (range !== undefined) ranges.push(range)
  }
  return ranges.length === 0 ? 'unsatisfiable' : mergeOverlaps(ranges)
}

/** Undefined when the range lies behind the end of the content. */
function resolveSpec(spec: string, size: number): ByteRange | 'malformed' | 'reversed' | undefined {
  const match = RANGE.exec(spec)
  if (match === null) return 'malformed'
  const [, first, last, suffix] = match
  if (suffix !== undefined) {
    const length = Math.min(Number(suffix), size)
    return length === 0 ? undefined : { start: size - length, end: size }
  }
  const start = Number(first)
  const end = last === '' ? size : Number(last) + 1
  if (end <= start && last !== '') return 'reversed'
  return start >= size ? undefined : { start, end: Math.min(end, size) }
}

function mergeOverlaps(ranges: readonly ByteRange[]): readonly ByteRange[] {
  const sorted = ranges.toSorted((a, b) => a.start - b.start)
  const merged: ByteRange[] = []
  for (const range of sorted) {
    const previous = merged.at(-1)
    if (previous !== undefined && range.start < previous.end) {
      merged[merged.length - 1] = { start: previous.start, end: Math.max(previous.end, range.end) }
    } else {
      merged.push(range)
    }
  }
  return merged.length === ranges.length ? ranges : merged
}

/** A `multipart/byteranges` body as a plan: each part's head, then its range of the content; `tail` after the last. */
export interface Multipart {
  readonly contentType: string
  /** Exact Content-Length, in bytes. */
  readonly length: number
  readonly parts: readonly { readonly head: Uint8Array; readonly range: ByteRange }[]
  readonly tail: Uint8Array
}

/** Lays out a multi-range answer (RFC 9110 14.6). `boundary` must be alphanumeric: c/image's pattern knows no quotes. */
export function planMultipart(
  ranges: readonly ByteRange[],
  size: number,
  contentType: string,
  boundary: string,
): Multipart {
  const encoder = new TextEncoder()
  const parts = ranges.map((range, index) => ({
    head: encoder.encode(
      `${index === 0 ? '' : '\r\n'}--${boundary}\r\nContent-Type: ${contentType}\r\n` +
        `Content-Range: ${contentRange(range, size)}\r\n\r\n`,
    ),
    range,
  }))
  const tail = encoder.encode(`\r\n--${boundary}--\r\n`)
  const length = parts.reduce((sum, { head, range }) => sum + head.length + range.end - range.start, tail.length)
  return { contentType: `multipart/byteranges; boundary=${boundary}`, length, parts, tail }
}

/** The value of `Content-Range` for one part (RFC 9110 14.4). */
export function contentRange(range: ByteRange, size: number): string {
  return `bytes ${range.start}-${range.end - 1}/${size}`
}
