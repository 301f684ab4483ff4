import type { BlobPolicy } from '../../oci/blob.ts'
import { streamBlob } from '../../oci/blob.ts'
import type { BlobDescriptor, ManifestDocument } from '../../oci/content.ts'
import type { Repository } from '../../oci/registry.ts'
import { isTransient, openRepository, refusedStatus } from '../../oci/registry.ts'
import { ACCEPT, remoteSource } from '../../oci/remote-source.ts'
import { drained } from '../../oci/upload.ts'
import type { Digest } from '../../shared/digest.ts'
import { isDigest } from '../../shared/digest.ts'
import { AppError, errorText } from '../../shared/errors.ts'
import type { Connections } from '../../shared/http-client.ts'
import { openConnections } from '../../shared/http-client.ts'
import type { Logger } from '../../shared/log.ts'
import type { Backoff, Clock } from '../../shared/time.ts'
import { OciError } from '../errors.ts'
import type { Covered, MirrorOptions } from './options.ts'

/** What a mirrored repository is asked for, in the words of our own registry's errors. */
export interface Upstream {
  /** The digest a tag stands for now; undefined when the upstream does not tell. @throws MANIFEST_UNKNOWN, UPSTREAM_UNAVAILABLE */
  tagDigest(tag: string, signal: AbortSignal): Promise<Digest | undefined>
  /** @throws MANIFEST_UNKNOWN, UPSTREAM_UNAVAILABLE, DIGEST_INVALID */
  manifest(reference: string, signal: AbortSignal): Promise<ManifestDocument>
  /** Bytes. @throws BLOB_UNKNOWN, UPSTREAM_UNAVAILABLE */
  blobSize(digest: Digest, signal: AbortSignal): Promise<number>
  /** The content, continued through broken connections; its end is thrown, not returned, when the digest is wrong. */
  blob(blob: BlobDescriptor, signal: AbortSignal): AsyncIterable<Uint8Array>
  /** @throws UPSTREAM_UNAVAILABLE */
  referrers(subject: Digest, signal: AbortSignal): Promise<readonly Digest[]>
}

/** Shorter than a client waits: it may have other mirrors. */
const BACKOFF: Backoff = { firstMs: 200, maxMs: 1000, attempts: 2 }
const BLOB_POLICY: BlobPolicy = { backoff: { firstMs: 500, maxMs: 10_000 }, patienceMs: 30_000 }
const IDLE_MS = 15_000

/** An upstream that cannot be reached is not tried again for this long: without a network, pulls must not wait. */
const DOWN_MS = 15_000

/** Codes of what is the upstream's failure, its token endpoint's included. */
const UNUSABLE = ['registry-answer', 'size-exceeded']

/** Repositories of a mirror whose logins are remembered. */
const MAX_LOGINS = 1000

export interface Upstreams {
  of(covered: Covered): Upstream
  close(): void
}

/** The way to the upstreams of all mirrors: connections, logins, and which of them is down. */
export function createUpstreams(log: Logger, clock: Clock): Upstreams {
  const connections = new Map<string, Connections>()
  // A policy that is read again makes other objects: what belonged to the former ones goes with them.
  const logins = new WeakMap<MirrorOptions, Map<string, Repository>>()
  const downUntil = new WeakMap<MirrorOptions, number>()

  function repositoryOf({ mirror, name }: Covered): Repository {
    const own = logins.get(mirror) ?? new Map<string, Repository>()
    logins.set(mirror, own)
    const known = own.get(name)
    if (known !== undefined) return known
    const { credentials, caPem, upstream } = mirror
    const pool = connections.get(caPem ?? '') ?? openConnections({ beside: caPem })
    connections.set(caPem ?? '', pool)
    const { host, protocol } = new URL(upstream)
    const reference = { host, repository: name, tag: undefined, digest: undefined }
    const plainHttp = protocol === 'http:'
    const opened = openRepository(reference, { plainHttp, credentials, caPem, idleMs: IDLE_MS, connections: pool })
    const [oldest] = own.keys()
    if (own.size >= MAX_LOGINS && oldest !== undefined) own.delete(oldest)
    own.set(name, opened)
    return opened
  }

  async function ask<T>({ mirror }: Covered, unknown: OciError, action: () => Promise<T>): Promise<T> {
    if (clock.now().getTime() < (downUntil.get(mirror) ?? 0)) throw unavailable(mirror, 'it did not answer just now')
    try {
      return await action()
    } catch (error) {
      const status = refusedStatus(error)
      if (status === 404) throw unknown
      if (!(error instanceof AppError) || !UNUSABLE.includes(error.code)) throw asOciError(error)
      const isDown = status === undefined && isTransient(error)
      if (isDown) downUntil.set(mirror, clock.now().getTime() + DOWN_MS)
      log.warn({ upstream: mirror.upstream, reason: errorText(error) }, 'upstream registry did not answer as it should')
      // Registries say 401 and 403 of what does not exist as well; which, is not the client's business.
      const state = status === undefined ? 'it gave no usable answer' : `it answered ${status}`
      throw unavailable(mirror, isDown ? 'it did not answer' : state, error)
    }
  }

  return {
    of(covered) {
      const repository = repositoryOf(covered)
      const source = remoteSource(repository, { backoff: BACKOFF, blob: BLOB_POLICY })
      const noManifest = (reference: string) => new OciError('MANIFEST_UNKNOWN', { reference })
      const head = (target: string, headers: Readonly<Record<string, string>>, signal: AbortSignal) =>
        drained(repository.send({ method: 'HEAD', target, headers, expected: [200] }, signal))
      return {
        tagDigest: (tag, signal) =>
          ask(covered, noManifest(tag), async () => {
            const { headers } = await head(`manifests/${tag}`, { accept: ACCEPT }, signal)
            const digest = String(headers['docker-content-digest'] ?? '')
            return isDigest(digest) ? digest : undefined
          }),
        manifest: (reference, signal) =>
          ask(covered, noManifest(reference), async () => {
            const found = await source.manifest(reference, signal)
            if (found === undefined) throw noManifest(reference)
            return found
          }),
        blobSize: (digest, signal) =>
          ask(covered, new OciError('BLOB_UNKNOWN', { digest }), async () => {
            const { headers } = await head(`blobs/${digest}`, {}, signal)
            const size = Number(headers['content-length'])
            if (Number.isSafeInteger(size) && size >= 0) return size
            throw unavailable(covered.mirror, 'it does not tell the size of a blob')
          }),
        blob: (blob, signal) =>
          streamBlob(repository, { ...blob, title: undefined, platform: undefined }, signal, BLOB_POLICY),
        referrers: (subject, signal) => ask(covered, noManifest(subject), () => source.referrers(subject, signal)),
      }
    },
    close() {
      for (const pool of connections.values()) pool.close()
    },
  }
}

function unavailable({ upstream }: MirrorOptions, state: string, cause?: unknown): OciError {
  return new OciError('UPSTREAM_UNAVAILABLE', { upstream, state }, { cause })
}

function asOciError(error: unknown): unknown {
  const wrong = error instanceof AppError && error.code === 'digest-mismatch'
  return wrong ? new OciError('DIGEST_INVALID', { reason: 'the upstream sent other content' }, { cause: error }) : error
}
