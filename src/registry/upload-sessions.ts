import { randomUUID } from 'node:crypto'
import type { Digest } from '../shared/digest.ts'
import { digestAlgorithm } from '../shared/digest.ts'
import type { Clock } from '../shared/time.ts'
import type { Quotas } from './access/quotas.ts'
import type { Exclusive } from './digest-lock.ts'
import { isStorageFull, OciError } from './errors.ts'
import { receiveInto } from './receive.ts'
import type { RequestBody } from './request-body.ts'
import type { SessionHash } from './session-hash.ts'
import { sessionHash } from './session-hash.ts'
import type { BlobStore, MetadataStore, UploadSession, UploadStore, UploadWriter } from './storage/storage.ts'

export interface UploadDeps {
  readonly blobs: Pick<BlobStore, 'freeBytes'>
  readonly uploads: UploadStore
  readonly metadata: Pick<MetadataStore, 'addUpload' | 'findUpload' | 'removeUpload' | 'listUploads' | 'addBlob'>
  /** Held while a blob's file and row change, against garbage collection. */
  readonly exclusive: Exclusive
  readonly quotas: Pick<Quotas, 'hold' | 'keep' | 'settle'>
  readonly clock: Clock
  /** Bytes that pushes must leave free, so that the database can still write. */
  readonly reserveBytes: number
}

/** What one request adds to a session. */
export interface Append {
  readonly body: RequestBody
  /** What Content-Range says: the body must begin where the session ends. */
  readonly at?: { readonly start: number; readonly length: number }
  /** The digest that closes the session. */
  readonly finish?: Digest
}

/** What this process knows of a session that has had a request. */
interface Live {
  readonly hash: SessionHash
  busy: boolean
  writer: UploadWriter | undefined
  cancelled: boolean
}

export type UploadSessions = ReturnType<typeof createUploadSessions>

/** Push sessions (end-4 … end-6, end-13, end-14): one writer each, any number of requests, any number of restarts. */
export function createUploadSessions({ blobs, uploads, metadata, quotas, exclusive, clock, reserveBytes }: UploadDeps) {
  const live = new Map<string, Live>()

  async function start(repository: string, algorithm: 'sha256' | 'sha512'): Promise<UploadSession> {
    const session = { id: randomUUID(), repository, algorithm, startedAt: clock.now() }
    await uploads.create(session.id)
    await metadata.addUpload(session)
    return session
  }

  /** Bytes received. @throws BLOB_UPLOAD_UNKNOWN also for a session of another repository. */
  async function size(repository: string, id: string): Promise<number> {
    await find(repository, id)
    const received = live.get(id)?.writer?.size ?? (await uploads.size(id))
    if (received === undefined) throw unknownUpload(id)
    return received
  }

  async function append(repository: string, id: string, request: Append): Promise<number> {
    return write(await find(repository, id), request)
  }

  /**
   * A push in one request (end-4b): a session that nobody else can know, so it needs no row. `onCreated` is awaited before
   * the body is read, and before a failure removes the upload.
   */
  async function receiveWhole(
    repository: string,
    body: RequestBody,
    finish: Digest,
    onCreated: (id: string) => Promise<void> = async () => {},
  ): Promise<number> {
    const session = { id: randomUUID(), repository, algorithm: digestAlgorithm(finish), startedAt: clock.now() }
    await uploads.create(session.id)
    try {
      await onCreated(session.id)
      return await write(session, { body, finish })
    } catch (error) {
      await drop(session.id)
      throw error
    }
  }

  async function cancel(repository: string, id: string): Promise<void> {
    await find(repository, id)
    await drop(id)
  }

  /** Removes sessions without activity since `before`, and files no session owns when `orphans` (at the start). */
  async function sweep(before: Date, orphans: boolean): Promise<number> {
    const rows = new Set((await metadata.listUploads()).map(({ id }) => id))
    const files = await uploads.list()
    const stale = files.filter(({ id, lastActivity }) => lastActivity < before || (orphans && !rows.has(id)))
    const present = new Set(files.map(({ id }) => id))
    const lost = orphans ? [...rows].filter((id) => !present.has(id)) : []
    const doomed = [...stale.map(({ id }) => id), ...lost].filter((id) => live.get(id)?.busy !== true)
    for (const id of doomed) await drop(id)
    return doomed.length
  }

  /** Counts what the sessions of an earlier process hold. */
  async function recount(): Promise<void> {
    for (const { id, repository } of await metadata.listUploads()) {
      quotas.keep(id, { repository, bytes: (await uploads.size(id)) ?? 0 })
    }
  }

  async function find(repository: string, id: string): Promise<UploadSession> {
    const session = await metadata.findUpload(id)
    if (session?.repository !== repository) throw unknownUpload(id)
    return session
  }

  async function write(session: UploadSession, request: Append): Promise<number> {
    const state = claim(session, request.finish)
    try {
      const writer = await uploads.append(session.id)
      state.writer = writer
      try {
        await receive(session, state, writer, request)
      } finally {
        await writer.close()
      }
      if (request.finish !== undefined) await commit(session, state, writer.size, request.finish)
      return writer.size
    } catch (error) {
      // A full disk is given back at once; the client has to begin again anyway.
      if (isStorageFull(error) || isDenied(error)) await drop(session.id)
      throw error
    } finally {
      state.busy = false
      state.writer = undefined
      if (state.cancelled) live.delete(session.id)
    }
  }

  /** The lock of a session: synchronous, so two requests cannot both pass. */
  function claim(session: UploadSession, finish: Digest | undefined): Live {
    const known = live.get(session.id)
    if (known?.busy) throw new OciError('UPLOAD_BUSY', { upload: session.id })
    if (known?.hash.begun) {
      known.busy = true
      return known
    }
    const algorithm = finish === undefined ? session.algorithm : digestAlgorithm(finish)
    const hash = sessionHash(algorithm, () => uploads.read(session.id))
    const fresh: Live = { hash, busy: true, writer: undefined, cancelled: false }
    live.set(session.id, fresh)
    return fresh
  }

  async function receive(session: UploadSession, state: Live, writer: UploadWriter, { body, at }: Append) {
    if (at !== undefined && at.start !== writer.size) throw outOfOrder(session, writer.size)
    if (at !== undefined && body.length !== undefined && body.length !== at.length) {
      throw new OciError('SIZE_INVALID', { contentRange: at.length, contentLength: body.length })
    }
    await state.hash.catchUp(writer.size)
    const started = writer.size
    try {
      await receiveInto(writer, state.hash.hash, body, {
        limit: at?.length,
        isCancelled: () => state.cancelled,
        ensureSpace: async (bytes) => {
          const { id, repository } = session
          await quotas.hold(id, { repository, bytes: started + (body.length ?? writer.size - started) })
          await ensureSpace(bytes)
        },
      })
      state.hash.note(writer.size)
    } catch (error) {
      // What was written stays, what was hashed may be more: the next request hashes the file again.
      state.hash.note(undefined)
      quotas.keep(session.id, { repository: session.repository, bytes: writer.size })
      throw error
    }
    if (at !== undefined && writer.size - started !== at.length) {
      throw new OciError('SIZE_INVALID', { contentRange: at.length, received: writer.size - started })
    }
  }

  async function ensureSpace(bytes: number): Promise<void> {
    const free = await blobs.freeBytes()
    if (free - bytes < reserveBytes) throw new OciError('STORAGE_FULL', { free, needed: bytes, reserve: reserveBytes })
  }

  /** Digest, then durable bytes, then the transaction; only then the client hears of it. */
  async function commit(session: UploadSession, state: Live, bytes: number, digest: Digest): Promise<void> {
    const actual = await state.hash.digest(digestAlgorithm(digest))
    if (actual !== digest) {
      await drop(session.id)
      throw new OciError('DIGEST_INVALID', { digest, actual, size: bytes })
    }
    await quotas.hold(session.id, { repository: session.repository, bytes })
    await exclusive(digest, async () => {
      await uploads.commit(session.id, digest)
      await metadata.addBlob(session.repository, { digest, size: bytes }, clock.now(), session.id)
    })
    quotas.settle(session.id, true)
    live.delete(session.id)
  }

  /** The space first, then the row: a full disk may refuse to change the database. */
  async function drop(id: string): Promise<void> {
    const state = live.get(id)
    if (state !== undefined) state.cancelled = true
    if (!state?.busy) live.delete(id)
    quotas.settle(id, false)
    await uploads.remove(id)
    await metadata.removeUpload(id)
  }

  return { start, size, append, receiveWhole, cancel, sweep, recount }
}

/** The headers of every answer about a session; the Location never changes, so an old one is as good as a new one. */
export function uploadHeaders({ repository, id }: { repository: string; id: string }, size: number) {
  return {
    location: `/v2/${repository}/blobs/uploads/${id}`,
    range: `0-${Math.max(0, size - 1)}`,
    'docker-upload-uuid': id,
  }
}

function outOfOrder(session: UploadSession, size: number): OciError {
  return new OciError('RANGE_INVALID', { received: size }, { headers: uploadHeaders(session, size) })
}

/** Over its quota: the client cannot do anything about it but begin again. */
function isDenied(error: unknown): boolean {
  return error instanceof OciError && error.code === 'DENIED'
}

function unknownUpload(id: string): OciError {
  return new OciError('BLOB_UPLOAD_UNKNOWN', { upload: id.slice(0, 64) })
}
