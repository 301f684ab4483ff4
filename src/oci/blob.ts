import { arriving } from '../shared/arriving.ts'
import { AppError } from '../shared/errors.ts'
import type { HttpAnswer } from '../shared/http-client.ts'
import type { Backoff } from '../shared/time.ts'
import { pauseMs, sleep } from '../shared/time.ts'
import type { Digester } from './digester.ts'
import { digesterFor } from './digester.ts'
import type { Descriptor } from './manifest.ts'
import type { Repository } from './registry.ts'
import { isTransient } from './registry.ts'

/** How a blob is read through broken connections. */
export interface BlobPolicy {
  /** The pauses between connections that brought nothing. */
  readonly backoff: Pick<Backoff, 'firstMs' | 'maxMs'>
  /** How long no new byte may come before it is given up. */
  readonly patienceMs: number
  /** Is told of each connection that broke, or could not be opened, before the next is tried. */
  readonly onBreak?: (reason: unknown) => void
}

/** A registry that restarts is back by then, and whoever waits at a terminal is still there. */
export const BLOB_POLICY: BlobPolicy = { backoff: { firstMs: 1000, maxMs: 30_000 }, patienceMs: 90_000 }

/** For what cannot be begun again: a registry whose machine is started again is back by then. */
export const PATIENT_BLOB_POLICY: BlobPolicy = { ...BLOB_POLICY, patienceMs: 10 * 60_000 }

/**
 * The bytes of a blob (distribution-spec end-2), continued by `Range` where a connection breaks. The digest is checked
 * over what was handed out: the iteration throws `digest-mismatch` at the end rather than return, so whoever writes the
 * bytes to a disk may call them good only after the last one. From a `first` byte behind the beginning there is no digest
 * to check: whoever has the beginning checks the whole.
 */
export async function* streamBlob(
  repository: Repository,
  blob: Descriptor,
  signal: AbortSignal,
  policy: BlobPolicy = BLOB_POLICY,
  first = 0,
  digester: Digester = digesterFor(blob.digest),
): AsyncGenerator<Buffer, void> {
  const seen: Seen = { etag: undefined }
  let offset = first
  let fruitless = 0
  let waitsSince = performance.now()
  while (offset < blob.size) {
    const start = offset
    let broken: unknown = new Error('it ended too early')
    try {
      for await (const chunk of bytesFrom(repository, blob, start, seen, signal)) {
        offset += chunk.length
        if (offset > blob.size) throw tooLong(blob)
        await digester.update(chunk)
        yield chunk
        // Whoever writes to a slow disk is not waiting for us, whatever became of the connection meanwhile.
        waitsSince = performance.now()
      }
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof AppError && !isTransient(error)) throw error
      broken = error
    }
    if (offset === blob.size) break
    if (performance.now() - waitsSince >= policy.patienceMs) throw nothingCame(blob, offset, policy, broken)
    policy.onBreak?.(broken)
    // One that brought something is followed after the shortest pause.
    fruitless = offset > start ? 0 : fruitless + 1
    await sleep(pauseMs(policy.backoff, fruitless, broken), signal)
  }
  if (first > 0) return
  const actual = await digester.digest()
  if (blob.digest.endsWith(`:${actual}`)) return
  throw new AppError('digest-mismatch', `Cannot use ${blob.digest}: the registry sent other bytes, with ${actual}`)
}

interface Seen {
  etag: string | undefined
}

async function openAt(repository: Repository, blob: Descriptor, start: number, seen: Seen, signal: AbortSignal) {
  const condition = seen.etag === undefined ? {} : { 'if-range': seen.etag }
  const headers: Record<string, string> = start === 0 ? {} : { range: `bytes=${start}-`, ...condition }
  const answer = await repository.get(`blobs/${blob.digest}`, headers, signal)
  const problem = answerProblem(answer, blob, start, seen)
  if (problem !== undefined) {
    answer.body.destroy()
    throw new AppError('registry-answer', `Cannot read ${blob.digest}: ${problem}`)
  }
  // A weak validator cannot be used with If-Range (RFC 9110 13.1.5).
  if (answer.headers.etag?.startsWith('"')) seen.etag ??= answer.headers.etag
  return answer
}

/** A 206 must continue exactly where we are, in the same content (RFC 9110 14.4, 15.3.7). A 200 starts over. */
function answerProblem({ status, headers }: HttpAnswer, blob: Descriptor, start: number, seen: Seen) {
  if (status === 200) {
    const length = headers['content-length']
    return length === undefined || Number(length) === blob.size
      ? undefined
      : `the registry has ${length} bytes and its manifest says ${blob.size}`
  }
  const range = headers['content-range'] ?? ''
  const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range) ?? []
  if (Number(from) !== start || (total !== '*' && Number(total) !== blob.size)) {
    return `the registry answered "${range}" when asked for the bytes from ${start}`
  }
  if (seen.etag !== undefined && headers.etag !== undefined && headers.etag !== seen.etag) {
    return 'its content changed during the transfer'
  }
  return undefined
}

/** One connection: the bytes from `start` on. A registry without ranges sends everything again; what we have is skipped. */
async function* bytesFrom(
  repository: Repository,
  blob: Descriptor,
  start: number,
  seen: Seen,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const { status, body } = await openAt(repository, blob, start, seen, signal)
  let skip = status === 200 ? start : 0
  try {
    for await (const chunk of arriving(body)) {
      const rest = chunk.subarray(Math.min(skip, chunk.length))
      skip -= chunk.length - rest.length
      if (rest.length > 0) yield rest
    }
  } finally {
    body.destroy()
  }
}

function tooLong(blob: Descriptor): AppError {
  return new AppError('digest-mismatch', `Cannot use ${blob.digest}: the registry sent more than ${blob.size} bytes`)
}

function nothingCame(blob: Descriptor, offset: number, { patienceMs }: BlobPolicy, cause: unknown): AppError {
  const state = `no byte came for ${Math.round(patienceMs / 1000)} s after the first ${offset} of ${blob.size}`
  return new AppError('registry-answer', `Cannot read ${blob.digest}: ${state}`, { cause })
}
