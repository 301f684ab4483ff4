import type { Digest } from '../../shared/digest.ts'
import { errorText } from '../../shared/errors.ts'
import type { Logger } from '../../shared/log.ts'
import { OciError } from '../errors.ts'
import type { BlobReader, StoredBlob, UploadStore } from '../storage/storage.ts'
import type { UploadSessions } from '../upload-sessions.ts'

/** A blob on its way from an upstream, which can be read while it arrives. */
export interface Download {
  readonly blob: StoredBlob
  /**
   * Reads what is there and waits for the rest; the last byte is given out only when the digest was right and the blob is
   * stored. A read throws when the download fails. Undefined when it is over: then the blob is stored.
   * @throws what the download failed with
   */
  attach(): BlobReader | undefined
  /** Resolves when it is stored or has failed, and nothing is left to clean up. */
  readonly ended: Promise<void>
}

export interface DownloadDeps {
  readonly sessions: Pick<UploadSessions, 'receiveWhole'>
  readonly uploads: Pick<UploadStore, 'open'>
  readonly log: Logger
}

/**
 * Fetches a blob into a repository, as a push of our own: the same checks, the same commit. It goes on when nobody reads
 * any more, since the next one will ask for it.
 */
export async function startDownload(
  { sessions, uploads, log }: DownloadDeps,
  repository: string,
  blob: StoredBlob,
  content: AsyncIterable<Uint8Array>,
): Promise<Download> {
  const state: State = { file: undefined, users: 1, outcome: undefined, turn: Promise.withResolvers() }
  const { promise: created, resolve, reject } = Promise.withResolvers<void>()
  async function onCreated(id: string): Promise<void> {
    state.file = await uploads.open(id)
    resolve()
  }
  const body = { chunks: announced(content, () => next(state)), length: blob.size }
  const started = performance.now()
  const received = sessions.receiveWhole(repository, body, blob.digest, onCreated)
  const settled = received.then(
    () => {
      state.outcome = { failure: undefined }
      const ms = Math.round(performance.now() - started)
      log.info({ repository, digest: blob.digest, size: blob.size, ms }, 'blob fetched from upstream')
    },
    (error: unknown) => {
      const failure = asOciError(error, blob.digest)
      state.outcome = { failure }
      reject(failure)
      log.warn({ repository, digest: blob.digest, reason: errorText(error) }, 'blob could not be fetched from upstream')
    },
  )
  const ended = settled.then(() => {
    next(state)
    return release(state)
  })
  await created
  return { blob, attach: () => attach(state, blob), ended }
}

interface State {
  file: BlobReader | undefined
  /** The download itself and its readers: the file is closed by the last one. */
  users: number
  outcome: { readonly failure: unknown } | undefined
  /** Resolves when something has happened since it was taken. */
  turn: PromiseWithResolvers<void>
}

function attach(state: State, { size }: StoredBlob): BlobReader | undefined {
  if (state.outcome?.failure !== undefined) throw state.outcome.failure
  const { file } = state
  if (file === undefined || state.users === 0) return undefined
  state.users++
  let open = true
  return {
    size,
    read: (buffer, position) => readWhenThere(state, file, size, buffer, position),
    async close() {
      if (open) await release(state)
      open = false
    },
  }
}

async function readWhenThere(
  state: State,
  file: BlobReader,
  size: number,
  buffer: Uint8Array,
  position: number,
): Promise<number> {
  const wanted = Math.min(buffer.length, Math.max(0, size - position))
  let filled = 0
  for (;;) {
    // Taken before the read: what happens during it must not be missed.
    const { promise } = state.turn
    const { outcome } = state
    if (outcome?.failure !== undefined) throw outcome.failure
    if (outcome !== undefined || position + wanted < size) {
      filled += await file.read(buffer.subarray(filled, wanted), position + filled)
      if (filled === wanted || outcome !== undefined) return filled
    }
    await promise
  }
}

function next(state: State): void {
  const { resolve } = state.turn
  state.turn = Promise.withResolvers()
  resolve()
}

async function release(state: State): Promise<void> {
  state.users--
  if (state.users === 0) await state.file?.close()
}

/** The upload grows by batches of this size (receive.ts): waking the readers more often would only make them look. */
const STEP_BYTES = 1 << 20

async function* announced(content: AsyncIterable<Uint8Array>, announce: () => void): AsyncGenerator<Uint8Array> {
  let unannounced = 0
  for await (const chunk of content) {
    yield chunk
    // Asked for the next one: this one is taken.
    unannounced += chunk.length
    if (unannounced < STEP_BYTES) continue
    unannounced -= STEP_BYTES
    announce()
  }
}

function asOciError(error: unknown, digest: Digest): unknown {
  if (error instanceof OciError) return error
  return new OciError('UPSTREAM_UNAVAILABLE', { digest, reason: 'the content could not be fetched' }, { cause: error })
}
