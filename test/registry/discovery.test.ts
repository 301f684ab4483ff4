import { expect, test } from 'vitest'
import { sha256 } from '../../src/shared/digest.ts'
import type { TestRegistry } from './support/open-registry.ts'
import { codes, INDEX, pushImage, testRegistry } from './support/open-registry.ts'

async function tagged(tags: readonly string[]): Promise<TestRegistry> {
  const registry = await testRegistry()
  for (const tag of tags) await pushImage(registry, 'a', tag)
  return registry
}

test.for<[string, string[], string | null]>([
  ['', ['A', 'b', 'c', 'latest'], null],
  ['?n=2', ['A', 'b'], '</v2/a/tags/list?n=2&last=b>; rel="next"'],
  ['?n=2&last=b', ['c', 'latest'], null],
  ['?n=4', ['A', 'b', 'c', 'latest'], null],
  ['?last=bb', ['c', 'latest'], null],
  ['?n=0', [], null],
  ['?n=99999', ['A', 'b', 'c', 'latest'], null],
])('tags/list%s gives %o and the link %s', async ([query, tags, link]) => {
  const registry = await tagged(['latest', 'c', 'b', 'A'])
  const response = await registry.request('GET', `/v2/a/tags/list${query}`)
  expect(await response.json()).toEqual({ name: 'a', tags })
  expect(response.headers.get('link')).toBe(link)
})

test('a repository without tags has an empty list, an unknown one is unknown', async () => {
  const registry = await tagged(['x'])
  await registry.request('DELETE', '/v2/a/manifests/x')
  expect(await (await registry.request('GET', '/v2/a/tags/list')).json()).toEqual({ name: 'a', tags: [] })
  expect(await codes(await registry.request('GET', '/v2/b/tags/list'))).toEqual(['NAME_UNKNOWN'])
})

test.for(['x', '-1', '1.5'])('n=%s is refused', async (n) => {
  const registry = await tagged(['x'])
  expect(await codes(await registry.request('GET', `/v2/a/tags/list?n=${n}`))).toEqual(['PAGINATION_NUMBER_INVALID'])
})

test('the catalog lists repositories that hold something, page by page', async () => {
  const registry = await testRegistry()
  for (const name of ['b', 'a/x', 'c']) await pushImage(registry, name, 'v1')
  const first = await registry.request('GET', '/v2/_catalog?n=2')
  expect(await first.json()).toEqual({ repositories: ['a/x', 'b'] })
  expect(first.headers.get('link')).toBe('</v2/_catalog?n=2&last=b>; rel="next"')
  const second = await registry.request('GET', '/v2/_catalog?n=2&last=b')
  expect(await second.json()).toEqual({ repositories: ['c'] })
})

interface Index {
  readonly manifests: { digest: string; artifactType?: string; annotations?: Record<string, string> }[]
}

async function referrers(registry: TestRegistry, digest: string, query = '') {
  const response = await registry.request('GET', `/v2/a/referrers/${digest}${query}`)
  expect(response.headers.get('content-type')).toBe(INDEX)
  return { response, manifests: ((await response.json()) as Index).manifests }
}

test('manifests with a subject are listed with type and annotations, and can be filtered', async () => {
  const registry = await testRegistry()
  const { digest, size, mediaType } = await pushImage(registry, 'a', 'v1')
  const subject = { digest, size, mediaType }
  const annotations = { made: 'today' }
  const signature = await pushImage(registry, 'a', undefined, {
    subject,
    artifactType: 'application/x-sig',
    annotations,
  })
  const other = await pushImage(registry, 'a', undefined, { subject })
  const all = await referrers(registry, digest)
  const expected = [
    { mediaType, digest: signature.digest, size: signature.size, artifactType: 'application/x-sig', annotations },
    { mediaType, digest: other.digest, size: other.size, artifactType: 'application/vnd.oci.image.config.v1+json' },
  ]
  expect(all.manifests).toEqual(expected.toSorted((a, b) => (a.digest < b.digest ? -1 : 1)))
  expect(all.response.headers.get('oci-filters-applied')).toBeNull()

  const some = await referrers(registry, digest, '?artifactType=application/x-sig')
  expect(some.manifests.map((found) => found.digest)).toEqual([signature.digest])
  expect(some.response.headers.get('oci-filters-applied')).toBe('artifactType')

  await registry.request('DELETE', `/v2/a/manifests/${signature.digest}`)
  expect((await referrers(registry, digest)).manifests.map((found) => found.digest)).toEqual([other.digest])
})

test('an index has only its own artifact type', async () => {
  const registry = await testRegistry()
  const subject = { digest: sha256('subject'), size: 7, mediaType: INDEX }
  const body = JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [], subject })
  await registry.request('PUT', `/v2/a/manifests/${sha256(body)}`, { headers: { 'content-type': INDEX }, body })
  const { manifests } = await referrers(registry, subject.digest)
  expect(manifests).toEqual([{ mediaType: INDEX, digest: sha256(body), size: body.length }])
})

test('what clients listed in the fallback tag is listed too, once', async () => {
  const registry = await testRegistry()
  const subject = await pushImage(registry, 'a', 'v1')
  const { digest, size, mediaType } = subject
  const known = await pushImage(registry, 'a', undefined, { subject: { digest, size, mediaType } })
  const old = await pushImage(registry, 'a', 'old')
  const entry = (image: typeof known) => ({ mediaType, digest: image.digest, size: image.size })
  const body = JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [entry(known), entry(old)] })
  const tag = digest.replace(':', '-')
  await registry.request('PUT', `/v2/a/manifests/${tag}`, { headers: { 'content-type': INDEX }, body })
  const { manifests } = await referrers(registry, digest)
  expect(manifests.map((found) => found.digest)).toEqual([known.digest, old.digest].sort())
})

test('a long list of referrers comes in pages below 4 MiB', async () => {
  const registry = await testRegistry()
  const subject = { digest: sha256('subject'), size: 7, mediaType: INDEX }
  for (const name of ['1', '2', '3']) {
    await pushImage(registry, 'a', undefined, { subject, annotations: { name, big: 'x'.repeat(1_400_000) } })
  }
  const seen: string[] = []
  let next: string | undefined = `/v2/a/referrers/${subject.digest}`
  while (next !== undefined) {
    const response: Response = await registry.request('GET', next)
    const text = await response.text()
    expect(text.length).toBeLessThan(4 << 20)
    seen.push(...(JSON.parse(text) as Index).manifests.map(({ digest }) => digest))
    next = /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1]
  }
  expect(new Set(seen).size).toBe(3)
  expect(seen).toHaveLength(3)
})
