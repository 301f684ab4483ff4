import { referrersTag } from '../shared/attached-tags.ts'
import type { Digest } from '../shared/digest.ts'
import type { Call, Handler, RegistryDeps } from './call.ts'
import { OciError } from './errors.ts'
import { INDEX_TYPE, parseIndex } from './manifest-content.ts'
import { parseOciDigest } from './reference.ts'
import type { Page, Referrer } from './storage/storage.ts'

/** Entries in one answer to a client that does not say how many it wants; the rest is behind `Link`. */
const DEFAULT_PAGE = 10_000

/** distribution-spec "Listing Referrers": an answer stays below 4 MiB, which is what clients accept. */
const MAX_REFERRERS_BYTES = 3 << 20

/** end-8a, end-8b (tags), end-12a, end-12b (referrers), and the catalog, which the specification only reserves. */
export function discoveryEndpoints(deps: RegistryDeps): { tags: Handler; referrers: Handler; catalog: Handler } {
  const { metadata } = deps
  return {
    async tags(call) {
      const { repository } = call
      if (!(await metadata.hasRepository(repository))) throw new OciError('NAME_UNKNOWN', { name: repository })
      const { entries, headers } = await page(call, (want) => metadata.listTags(repository, want))
      return call.c.json({ name: repository, tags: entries }, 200, headers)
    },
    async catalog(call) {
      const { entries, headers } = await page(call, (want) => visibleRepositories(call, metadata, want))
      return call.c.json({ repositories: entries }, 200, headers)
    },
    referrers: (call) => referrers(call, deps),
  }
}

/** Those the caller may pull, page by page of the store until there are enough. */
async function visibleRepositories(call: Call, metadata: RegistryDeps['metadata'], want: Page): Promise<string[]> {
  const visible: string[] = []
  let after = want.after
  for (;;) {
    const found = await metadata.listRepositories({ after, limit: want.limit })
    for (const name of found) {
      if (await call.maySee(name)) visible.push(name)
      if (visible.length === want.limit) return visible
    }
    if (found.length < want.limit) return visible
    after = found.at(-1)
  }
}

/** One page of names, and `Link` (RFC 8288) when there are more. */
async function page({ c, query }: Call, list: (want: Page) => Promise<readonly string[]>) {
  const text = query.get('n')
  if (text !== null && !/^\d{1,9}$/.test(text)) throw new OciError('PAGINATION_NUMBER_INVALID', { n: text })
  const limit = text === null ? DEFAULT_PAGE : Math.min(Number(text), DEFAULT_PAGE)
  const found = limit === 0 ? [] : await list({ after: query.get('last') ?? undefined, limit: limit + 1 })
  const entries = found.slice(0, limit)
  const more = found.length > limit
  const next = `${c.req.path}?n=${limit}&last=${encodeURIComponent(entries.at(-1) ?? '')}`
  return { entries, headers: more ? { link: `<${next}>; rel="next"` } : {} }
}

/** Always an index, also for a subject that was never pushed: a 404 would mean "no such API" to clients. */
async function referrers(call: Call, { metadata }: RegistryDeps): Promise<Response> {
  const { c, repository, reference, query } = call
  const subject = parseOciDigest(reference)
  const own = await metadata.listReferrers(repository, subject)
  const all = [...own, ...(await taggedReferrers(call, metadata, subject))]
  const unique = [...new Map(all.map((found) => [found.digest, found])).values()]
  const filter = query.get('artifactType')
  const wanted = unique
    .filter(({ artifactType }) => filter === null || artifactType === filter)
    .filter(({ digest }) => digest > (query.get('last') ?? ''))
    .toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
    .map(descriptorView)
  const manifests = fitting(wanted)
  const body = { schemaVersion: 2, mediaType: INDEX_TYPE, manifests }
  const last = manifests.length < wanted.length ? manifests.at(-1)?.digest : undefined
  const artifactType = filter === null ? '' : `&artifactType=${encodeURIComponent(filter)}`
  return c.body(JSON.stringify(body), 200, {
    'content-type': INDEX_TYPE,
    ...(filter !== null && { 'oci-filters-applied': 'artifactType' }),
    ...(last !== undefined && { link: `<${c.req.path}?last=${last}${artifactType}>; rel="next"` }),
  })
}

/**
 * Clients that met a registry without this API kept the list in a tag `sha256-<hex>`; its entries must be listed too
 * (distribution-spec "Enabling the Referrers API").
 */
async function taggedReferrers(
  { repository }: Call,
  metadata: RegistryDeps['metadata'],
  subject: Digest,
): Promise<readonly Referrer[]> {
  const index = await metadata.findManifest(repository, { tag: referrersTag(subject) })
  if (index?.mediaType !== INDEX_TYPE) return []
  return parseIndex(index.content)
}

function descriptorView({ mediaType, digest, size, artifactType, annotations }: Referrer) {
  return {
    mediaType,
    digest,
    size,
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations !== undefined && { annotations }),
  }
}

/** As many as fit; never none, or the client would ask for the same page for ever. */
function fitting<T>(entries: readonly T[]): readonly T[] {
  let bytes = 0
  const end = entries.findIndex((entry, index) => {
    bytes += Buffer.byteLength(JSON.stringify(entry)) + 1
    return bytes > MAX_REFERRERS_BYTES && index > 0
  })
  return end === -1 ? entries : entries.slice(0, end)
}
