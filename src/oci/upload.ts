import { digestAlgorithm } from '../shared/digest.ts'
import { AppError } from '../shared/errors.ts'
import type { HttpAnswer, StreamedBody } from '../shared/http-client.ts'
import type { Backoff } from '../shared/time.ts'
import { retry, sleep } from '../shared/time.ts'
import type { BlobDescriptor, BlobOutcome, ReadFrom } from './content.ts'
import type { Repository } from './registry.ts'
import { isTransient, refusedStatus } from './registry.ts'

/** Where sessions are remembered, so that a push that was killed goes on where it was. */
export interface UploadMemory {
  get(key: string): Promise<string | undefined>
  set(key: string, url: string): Promise<void>
  forget(key: string): Promise<void>
}

export interface UploadPolicy {
  readonly backoff: Backoff
  /** Requests in a row that may break without a byte having been taken. */
  readonly fruitless: number
  /** A repository of the same registry that has the blob: it is mounted instead of sent (end-11). */
  readonly mountFrom?: string
  readonly memory?: UploadMemory
}

/** Up to here a blob goes in the closing PUT: two requests instead of three. */
const SMALL_BYTES = 1 << 20
/** Below this a session is not worth remembering. */
const REMEMBERED_BYTES = 16 << 20
/** A registry may move the whole blob before it answers the closing PUT. */
const CLOSING_MS = 600_000

/** Codes after which the session is looked at again: unknown, busy, out of order. */
const SESSION_STATUSES = [404, 409, 416]

interface Session {
  readonly url: URL
  readonly offset: number
}

/**
 * Brings a blob into a repository: nothing when it is there, a mount, or an upload (distribution-spec end-2, end-4, end-5,
 * end-6, end-11, end-13) that goes on after a broken connection where the registry says it stands.
 * @throws `registry-answer`; `digest-mismatch` when the registry finds other content; whatever `read` throws
 */
export async function pushBlob(
  repository: Repository,
  blob: BlobDescriptor,
  read: ReadFrom,
  policy: UploadPolicy,
  signal: AbortSignal,
): Promise<BlobOutcome> {
  const call = <T>(action: () => Promise<T>) => retry(action, policy.backoff, isTransient, signal)
  if (await call(() => hasBlob(repository, blob, signal))) return 'present'
  const memory = blob.size >= REMEMBERED_BYTES ? policy.memory : undefined
  const key = `${repository.reference.host}/${repository.reference.repository}@${blob.digest}`
  const begin = async () => {
    const begun = await call(() => startSession(repository, blob, policy.mountFrom, signal))
    if (begun !== 'mounted') await memory?.set(key, begun.url.href)
    return begun
  }

  const known = await memory?.get(key)
  const resumed = known === undefined ? undefined : await call(() => statusOf(repository, new URL(known), signal))
  let session = resumed ?? (await begin())
  for (let fruitless = 0; ; ) {
    if (session === 'mounted') return 'mounted'
    const { url, offset } = session
    try {
      await sendRest(repository, blob, session, read, signal)
      await memory?.forget(key)
      return 'stored'
    } catch (error) {
      signal.throwIfAborted()
      const source = sourceFailure(error)
      if (source !== undefined) throw source.cause
      const mayGoOn = isTransient(error) || SESSION_STATUSES.includes(refusedStatus(error) ?? 0)
      const mayBeginAgain = refusedStatus(error) === 400 && offset > 0
      if (!mayGoOn && !mayBeginAgain) throw asMismatch(error, blob)
      if (++fruitless > policy.fruitless) throw error
      await sleep(policy.backoff.firstMs * fruitless, signal)
      const now = mayBeginAgain ? undefined : await call(() => statusOf(repository, url, signal))
      // The closing answer may be what was lost.
      if (now === undefined && (await call(() => hasBlob(repository, blob, signal)))) return 'stored'
      if (now !== undefined && now.offset > offset) fruitless = 0
      session = now ?? (await begin())
    }
  }
}

/** end-2. */
export async function hasBlob(repository: Repository, { digest }: BlobDescriptor, signal: AbortSignal) {
  const { status } = await drained(
    repository.send({ method: 'HEAD', target: `blobs/${digest}`, expected: [200, 404] }, signal),
  )
  return status === 200
}

async function startSession(
  repository: Repository,
  { digest }: BlobDescriptor,
  mountFrom: string | undefined,
  signal: AbortSignal,
): Promise<Session | 'mounted'> {
  const query = new URLSearchParams()
  if (mountFrom !== undefined) {
    query.set('mount', digest)
    query.set('from', mountFrom)
  }
  if (digestAlgorithm(digest) !== 'sha256') query.set('digest-algorithm', digestAlgorithm(digest))
  const target = `blobs/uploads/${query.size > 0 ? `?${query}` : ''}`
  const body = () => new Uint8Array()
  const source = mountFrom === undefined ? {} : { mountFrom }
  const request = { method: 'POST', target, body, expected: [201, 202], ...source } as const
  const answer = await drained(repository.send(request, signal))
  return answer.status === 201 ? 'mounted' : { url: locationOf(answer), offset: 0 }
}

/**
 * end-13; undefined when the session is gone. "0-0" is what registries say of an empty session and of one with a single
 * byte: too little to go on with.
 */
async function statusOf(repository: Repository, url: URL, signal: AbortSignal): Promise<Session | undefined> {
  const request = { method: 'GET', target: url, expected: [200, 202, 204, 400, 404, 416] } as const
  const answer = await drained(repository.send(request, signal))
  const end = /^(?:bytes=)?0-(\d+)$/.exec(String(answer.headers['range'] ?? ''))?.[1]
  if (answer.status >= 400 || end === undefined || end === '0') return undefined
  return { url: answer.headers.location === undefined ? url : locationOf(answer), offset: Number(end) + 1 }
}

async function sendRest(
  repository: Repository,
  { digest, size }: BlobDescriptor,
  { url, offset }: Session,
  read: ReadFrom,
  signal: AbortSignal,
): Promise<void> {
  const type = { 'content-type': 'application/octet-stream' }
  const body = (): StreamedBody => ({ length: size - offset, chunks: marked(read(offset)) })
  const whole = offset === 0 && size <= SMALL_BYTES
  let closing = url
  if (!whole && offset < size) {
    const range = offset === 0 ? {} : { 'content-range': `${offset}-${size - 1}` }
    const request = { method: 'PATCH', target: url, headers: { ...type, ...range }, body, expected: [202] } as const
    closing = locationOf(await drained(repository.send(request, signal)), url)
  }
  const target = new URL(closing.href)
  target.search += `${target.search === '' ? '?' : '&'}digest=${digest}`
  const content = whole ? body : () => new Uint8Array()
  const closed = { method: 'PUT', target, headers: type, body: content, expected: [201], idleMs: CLOSING_MS } as const
  await drained(repository.send(closed, signal))
}

/** What the source of the bytes throws is not the registry's failure: trying again is the source's own business. */
class SourceError extends Error {}

function sourceFailure(error: unknown): SourceError | undefined {
  return [error, error instanceof Error ? error.cause : undefined].find((found) => found instanceof SourceError)
}

async function* marked(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks
  } catch (cause) {
    throw new SourceError('Cannot read the source', { cause })
  }
}

/** The answer with its body read to the end, so that the connection can be used again. */
export async function drained(asked: Promise<HttpAnswer>): Promise<HttpAnswer> {
  const answer = await asked
  answer.body.resume()
  return answer
}

/** `Location` may be relative (RFC 9110 10.2.2), and may name another host. */
function locationOf({ headers, url }: HttpAnswer, otherwise?: URL): URL {
  const { location } = headers
  if (location !== undefined && URL.canParse(location, url.href)) return new URL(location, url.href)
  if (otherwise !== undefined) return otherwise
  throw new AppError('registry-answer', `Cannot upload to ${url.host}: its answer has no Location`)
}

function asMismatch(error: unknown, { digest }: BlobDescriptor): unknown {
  if (!(error instanceof AppError) || !error.message.includes('DIGEST_INVALID')) return error
  return new AppError('digest-mismatch', `Cannot push ${digest}: what was read has another digest`, { cause: error })
}
