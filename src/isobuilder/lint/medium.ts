import type { Block } from './block.ts'
import type { Report } from './finding.ts'

/** Gives `length` bytes from `offset`; fewer only where the medium ends. */
export type Read = (offset: number, length: number) => Promise<Uint8Array>

/** The image as the checker sees it. Nothing it does with a hostile image takes unbounded memory or time. */
export interface LintMedium {
  /** Bytes. */
  readonly size: number
  /** Metadata, or undefined when it is not all there or too much was asked for; that is reported. */
  block(offset: number, length: number, what: string, path?: string): Promise<Block | undefined>
  /** Contents and gaps, in pieces, as far as the medium goes. */
  pieces(start: number, end: number): AsyncGenerator<Block>
}

/** Directories, tables and areas together; a million files take about 300 MiB. */
const BUDGET = 512 * 1024 * 1024

const PIECE = 256 * 1024

export function lintMedium(read: Read, size: number, report: Report): LintMedium {
  let left = BUDGET
  return {
    size,
    async block(offset, length, what, path) {
      if (offset + length > size) {
        report.add('truncated', offset, `${what} ends at byte ${offset + length}, the medium has ${size}`, path)
        return undefined
      }
      left -= length
      if (left < 0) {
        report.add('limit', offset, `directories and tables have more than ${BUDGET} bytes`, path)
        return undefined
      }
      const bytes = toBuffer(await read(offset, length))
      if (bytes.length === length) return { bytes, offset }
      report.add('truncated', offset, `${what} has ${length} bytes, the medium gives ${bytes.length}`, path)
      return undefined
    },
    async *pieces(start, end) {
      for (let at = start; at < Math.min(end, size); at += PIECE) {
        const length = Math.min(PIECE, end - at, size - at)
        const bytes = toBuffer(await read(at, length))
        yield { bytes, offset: at }
        if (bytes.length < length) return report.add('truncated', at + bytes.length, 'the medium ends too early')
      }
    },
  }
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
