import { readIso } from '../../isobuilder/image.ts'
import { openFiles } from '../../isobuilder/open-files.ts'
import type { IsoPlan } from '../../isobuilder/plan.ts'
import { fileSourceOf } from '../../isobuilder/source.ts'
import { AppError } from '../../shared/errors.ts'
import { readAhead } from './read-ahead.ts'

/** Bytes that a BMC reads by ranges: an image that exists as a plan, or a file. */
export interface Medium {
  readonly size: number
  /** Strong, quoted (RFC 9110 section 8.8.3): the same bytes always have the same. */
  readonly etag: string
  read(start: number, end: number, signal: AbortSignal): AsyncIterable<Uint8Array>
}

/** A file, which stays open until it is disposed of. */
export interface FileMedium extends Medium, AsyncDisposable {
  /** Looks at the file itself, not at what was read ahead of it. @throws `iso-plan` when it was written to */
  check(signal: AbortSignal): Promise<void>
}

const CHUNK_BYTES = 256 * 1024

/** What BMCs ask for at a time is less: such requests of all servers share what is read ahead. */
const SMALL_BYTES = 64 * 1024

/** Enough to see that the file can still be read. */
const FIRST_BYTES = 2048

export function planMedium(plan: IsoPlan): Medium {
  return {
    size: plan.size,
    etag: plan.etag,
    read: (start, end, signal) => readIso(plan, start, end, { chunk: CHUNK_BYTES, signal }),
  }
}

/**
 * The maintenance image as a file. Its digest is taken once, at start; a file that changes under a reader aborts the
 * response.
 * @throws `config-invalid` when it cannot be read
 */
export async function fileMedium(path: string, signal: AbortSignal): Promise<FileMedium> {
  // A BMC asks thousands of times.
  const files = openFiles()
  const source = await fileSourceOf(path, signal, files).catch((cause: unknown) => {
    throw new AppError('config-invalid', `Cannot read the maintenance image "${path}"`, { cause })
  })
  const ahead = readAhead(source)
  async function* read(start: number, end: number, stop: AbortSignal): AsyncGenerator<Uint8Array> {
    if (end - start <= SMALL_BYTES) return yield ahead.read(start, end)
    for (let at = start; at < end; at += CHUNK_BYTES) yield source.read(at, Math.min(CHUNK_BYTES, end - at), stop)
  }
  return {
    size: source.size,
    etag: `"${source.digest}"`,
    read,
    async check(stop) {
      await source.read(0, Math.min(FIRST_BYTES, source.size), stop)
    },
    [Symbol.asyncDispose]: () => files.close(),
  }
}
