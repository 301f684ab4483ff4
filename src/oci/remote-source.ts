import { referrersTag } from '../shared/attached-tags.ts'
import type { Digest } from '../shared/digest.ts'
import { isDigest, sha256 } from '../shared/digest.ts'
import { AppError } from '../shared/errors.ts'
import type { HttpAnswer } from '../shared/http-client.ts'
import { readBody } from '../shared/http-client.ts'
import type { Backoff } from '../shared/time.ts'
import { retry } from '../shared/time.ts'
import type { BlobPolicy } from './blob.ts'
import { BLOB_POLICY, streamBlob } from './blob.ts'
import type { ContentSource, ManifestDocument } from './content.ts'
import { checkManifest, MAX_MANIFEST_BYTES } from './content.ts'
import { linksOf, ownMediaType, parseJsonObject } from './graph.ts'
import { MANIFEST_TYPES } from './manifest.ts'
import type { Repository } from './registry.ts'
import { isTransient, refusedStatus } from './registry.ts'

/** Manifests of other types are taken as well: an artifact may be anything. */
export const ACCEPT = [...MANIFEST_TYPES, '*/*'].join(', ')

/** How a request is tried again when the registry restarts or is busy: for 15 to 31 s. */
export const BACKOFF: Backoff = { firstMs: 500, maxMs: 15_000, attempts: 7 }

/** Pages of referrers or tags; a registry that links in a circle must not hold us for ever. */
const MAX_PAGES = 10_000

/** Statuses of a registry that has no referrers API (distribution-spec "Unavailable Referrers API"; Quay says 405). */
const NO_REFERRERS = [400, 404, 405]

export interface RemotePolicy {
  readonly backoff: Backoff
  readonly blob: BlobPolicy
}

export const REMOTE_POLICY: RemotePolicy = { backoff: BACKOFF, blob: BLOB_POLICY }

/** Reads from a repository of a registry. */
export function remoteSource(repository: Repository, policy: RemotePolicy = REMOTE_POLICY): ContentSource {
  return {
    name: `${repository.reference.host}/${repository.reference.repository}`,
    manifest: (reference, signal) => fetchManifest(repository, reference, signal, policy.backoff),
    blob: (blob, start, signal) =>
      streamBlob(repository, { ...blob, title: undefined, platform: undefined }, signal, policy.blob, start),
    referrers: (subject, signal) => fetchReferrers(repository, subject, signal, policy.backoff),
  }
}

/** Undefined when there is none. @throws `registry-answer`, `digest-mismatch` */
export async function fetchManifest(
  repository: Repository,
  reference: string,
  signal: AbortSignal,
  backoff: Backoff = BACKOFF,
): Promise<ManifestDocument | undefined> {
  return orMissing(requireManifest(repository, reference, signal, backoff), [404])
}

/** distribution-spec end-3. @throws `registry-answer`, `digest-mismatch` */
export async function requireManifest(
  repository: Repository,
  reference: string,
  signal: AbortSignal,
  backoff: Backoff = BACKOFF,
): Promise<ManifestDocument> {
  const get = async () => {
    const answer = await repository.get(`manifests/${reference}`, { accept: ACCEPT }, signal)
    return { answer, content: await wholeBody(answer, reference, signal) }
  }
  const { content, answer } = await retry(get, backoff, isTransient, signal)
  const digest = digestOf(reference, answer.headers['docker-content-digest'], content)
  checkManifest(content, digest, reference)
  const declared = answer.headers['content-type']?.split(';')[0]?.trim() ?? ''
  const usable = declared !== '' && declared !== 'application/json' && declared !== 'application/octet-stream'
  return { digest, mediaType: usable ? declared : ownMediaType(content, digest), content }
}

/** end-12a, or the tag that stands for it where the registry has no such endpoint. */
async function fetchReferrers(
  repository: Repository,
  subject: Digest,
  signal: AbortSignal,
  backoff: Backoff,
): Promise<readonly Digest[]> {
  const found: Digest[] = []
  const pages = eachPage(repository, `referrers/${subject}`, signal, backoff, NO_REFERRERS)
  for await (const page of pages) {
    if (page === undefined) return fallbackReferrers(repository, subject, signal, backoff)
    const links = linksOf({ content: page, mediaType: '', digest: subject })
    found.push(...links.manifests.map(({ digest }) => digest))
  }
  return found
}

async function fallbackReferrers(repository: Repository, subject: Digest, signal: AbortSignal, backoff: Backoff) {
  const index = await fetchManifest(repository, referrersTag(subject), signal, backoff)
  return index === undefined ? [] : linksOf(index).manifests.map(({ digest }) => digest)
}

/** end-8a: every tag. @throws `registry-answer` */
export async function listTags(repository: Repository, signal: AbortSignal): Promise<string[]> {
  return collectNames(repository, 'tags/list', 'tags', signal)
}

/** `/v2/_catalog`, which the specification only reserves. @throws `registry-answer` */
export async function listRepositories(registry: Repository, signal: AbortSignal): Promise<string[]> {
  return collectNames(registry, '/v2/_catalog', 'repositories', signal)
}

async function collectNames(repository: Repository, path: string, key: string, signal: AbortSignal): Promise<string[]> {
  const names: string[] = []
  for await (const page of eachPage(repository, path, signal, BACKOFF, [])) {
    const list = parseJsonObject(page ?? Buffer.from('{}'), path)[key]
    if (Array.isArray(list)) names.push(...list.filter((name) => typeof name === 'string'))
  }
  return names
}

/** The bodies of all pages, by `Link` (RFC 8288); undefined once for an answer with one of the `missing` statuses. */
async function* eachPage(
  repository: Repository,
  path: string,
  signal: AbortSignal,
  backoff: Backoff,
  missing: readonly number[],
): AsyncGenerator<Buffer | undefined> {
  let next: string | URL | undefined = path
  for (let pages = 0; next !== undefined && pages < MAX_PAGES; pages++) {
    const target: string | URL = next
    const get = () => repository.send({ method: 'GET', target, expected: [200] }, signal)
    const asked: Promise<HttpAnswer> = retry(get, backoff, isTransient, signal)
    const answer = await orMissing(asked, missing)
    yield answer === undefined ? undefined : await wholeBody(answer, String(path), signal)
    const link = /<([^>]*)>\s*;[^,]*\brel="?next"?/.exec(String(answer?.headers['link'] ?? ''))?.[1]
    next = link === undefined || answer === undefined ? undefined : new URL(link, answer.url)
  }
}

async function orMissing<T>(asked: Promise<T>, missing: readonly number[]): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (missing.includes(refusedStatus(error) ?? 0)) return undefined
    throw error
  }
}

async function wholeBody(answer: HttpAnswer, name: string, signal: AbortSignal): Promise<Buffer> {
  try {
    return await readBody(answer, MAX_MANIFEST_BYTES)
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof AppError) throw cause
    throw new AppError('registry-answer', `Cannot read "${name}"`, { cause, facts: { transient: true } })
  }
}

/** By digest: that one. By tag: the algorithm the registry names, which only matters for sha512. */
function digestOf(reference: string, header: string | string[] | undefined, content: Buffer): Digest {
  if (isDigest(reference)) return reference
  return typeof header === 'string' && isDigest(header) && header.startsWith('sha512:') ? header : sha256(content)
}
