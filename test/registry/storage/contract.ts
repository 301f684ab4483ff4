import { expect, test } from 'vitest'
import type {
  BlobStore,
  ManifestEdges,
  MetadataStore,
  StoredManifest,
  UploadStore,
} from '../../../src/registry/storage/storage.ts'
import type { Digest } from '../../../src/shared/digest.ts'
import { sha256 } from '../../../src/shared/digest.ts'

/** What every pair of BlobStore and UploadStore must do. A new backend is done when this passes. */
export function bytesContract(make: () => Promise<{ blobs: BlobStore; uploads: UploadStore }>): void {
  const HELLO = sha256('hello')

  async function store({ uploads }: { uploads: UploadStore }, id: string, ...texts: string[]): Promise<Digest> {
    await uploads.create(id)
    const writer = await uploads.append(id)
    await writer.append(texts.map((text) => Buffer.from(text)))
    await writer.close()
    const digest = sha256(texts.join(''))
    await uploads.commit(id, digest)
    return digest
  }

  async function text(blobs: BlobStore, digest: Digest, start = 0, length = 100): Promise<string> {
    const reader = await blobs.open(digest)
    const buffer = Buffer.alloc(length)
    const count = await reader.read(buffer, start)
    await reader.close()
    return buffer.subarray(0, count).toString()
  }

  test('what was committed can be read, whole and in part', async () => {
    const stores = await make()
    const digest = await store(stores, 'one', 'hel', 'lo')
    expect(digest).toBe(HELLO)
    expect(await stores.blobs.stat(digest)).toBe(5)
    expect(await text(stores.blobs, digest)).toBe('hello')
    expect(await text(stores.blobs, digest, 1, 3)).toBe('ell')
    expect(await text(stores.blobs, digest, 5)).toBe('')
    expect(await stores.uploads.size('one')).toBeUndefined()
  })

  test('an absent blob is BLOB_UNKNOWN to open, undefined to stat, and nothing to delete', async () => {
    const { blobs } = await make()
    await expect(blobs.open(HELLO)).rejects.toMatchObject({ code: 'BLOB_UNKNOWN' })
    expect(await blobs.stat(HELLO)).toBeUndefined()
    await blobs.delete(HELLO)
  })

  test('a reader stays valid while its blob is deleted', async () => {
    const stores = await make()
    const digest = await store(stores, 'one', 'hello')
    const reader = await stores.blobs.open(digest)
    await stores.blobs.delete(digest)
    const buffer = Buffer.alloc(5)
    expect(await reader.read(buffer, 0)).toBe(5)
    await reader.close()
    expect(await stores.blobs.stat(digest)).toBeUndefined()
  })

  test('committing the same content again is no error', async () => {
    const stores = await make()
    await store(stores, 'one', 'hello')
    expect(await text(stores.blobs, await store(stores, 'two', 'hello'))).toBe('hello')
  })

  test('an upload grows over several writers and can be read back', async () => {
    const { uploads } = await make()
    await uploads.create('one')
    for (const part of ['a', '', 'bc']) {
      const writer = await uploads.append('one')
      await writer.append([Buffer.from(part)])
      await writer.close()
    }
    expect(await uploads.size('one')).toBe(3)
    expect(Buffer.concat(await Array.fromAsync(uploads.read('one'))).toString()).toBe('abc')
    expect((await uploads.list()).map(({ id }) => id)).toEqual(['one'])
  })

  test('an upload can be read while it grows, and on when it has become a blob', async () => {
    const { uploads } = await make()
    await uploads.create('one')
    const reader = await uploads.open('one')
    const buffer = Buffer.alloc(5)
    expect(await reader.read(buffer, 0)).toBe(0)
    const writer = await uploads.append('one')
    await writer.append([Buffer.from('hel')])
    expect(await reader.read(buffer, 0)).toBe(3)
    await writer.append([Buffer.from('lo')])
    await writer.close()
    await uploads.commit('one', HELLO)
    expect([await reader.read(buffer, 0), buffer.toString()]).toEqual([5, 'hello'])
    await reader.close()
    await expect(uploads.open('one')).rejects.toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' })
  })

  test('an upload that was removed is unknown to everything', async () => {
    const { uploads } = await make()
    await uploads.create('one')
    await uploads.remove('one')
    await uploads.remove('one')
    expect(await uploads.size('one')).toBeUndefined()
    await expect(uploads.append('one')).rejects.toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' })
    await expect(uploads.commit('one', HELLO)).rejects.toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' })
    await expect(Array.fromAsync(uploads.read('one'))).rejects.toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' })
    expect(await uploads.list()).toEqual([])
  })

  test('the list names all content with its size and a time, and what was deleted no more', async () => {
    const stores = await make()
    const before = Date.now() - 60_000
    const digests = [await store(stores, 'one', 'hello'), await store(stores, 'two', 'other')].sort()
    const listed = (await Array.fromAsync(stores.blobs.list())).flat()
    expect(listed.map(({ digest }) => digest).sort()).toEqual(digests)
    for (const { size, storedAt } of listed) expect([size, storedAt.getTime() > before]).toEqual([5, true])
    await stores.blobs.delete(HELLO)
    expect((await Array.fromAsync(stores.blobs.list())).flat()).toHaveLength(1)
  })

  test('the free space is a number of bytes', async () => {
    expect(await (await make()).blobs.freeBytes()).toBeGreaterThan(0)
  })
}

const AT = new Date('2026-01-02T03:04:05Z')
const NO_EDGES: ManifestEdges = { blobs: [], manifests: [] }

function manifest(text: string, facts: Partial<StoredManifest> = {}): StoredManifest {
  const content = Buffer.from(text)
  const nothing = { subject: undefined, artifactType: undefined, annotations: undefined }
  return { digest: sha256(content), mediaType: 'application/x', content, ...nothing, ...facts }
}

/** What every MetadataStore must do. */
export function metadataContract(make: () => Promise<MetadataStore>): void {
  const blob = { digest: sha256('blob'), size: 4 }

  function put(store: MetadataStore, repository: string, what: StoredManifest, tags: string[] = [], edges = NO_EDGES) {
    return store.putManifest(repository, what, { edges, tags, sparse: false, at: AT })
  }

  test('a blob belongs to the repositories it was added to', async () => {
    const store = await make()
    await store.addBlob('b', blob, AT)
    await store.addBlob('a', blob, AT)
    await store.addBlob('a', blob, AT)
    expect(await store.findBlob('a', blob.digest)).toEqual({ ...blob, version: 3, touchedAt: AT })
    expect(await store.findBlob('c', blob.digest)).toBeUndefined()
    expect(await store.repositoriesWithBlob(blob.digest, 10)).toEqual(['a', 'b'])
    expect(await store.removeBlob('a', blob.digest)).toBe(true)
    expect(await store.removeBlob('a', blob.digest)).toBe(false)
    await store.condemnBlob(blob.digest, 3)
    expect(await store.findBlob('b', blob.digest)).toBeUndefined()
  })

  test('the bytes below a prefix count once, however many repositories hold them', async () => {
    const store = await make()
    const other = { digest: sha256('other'), size: 1000 }
    for (const name of ['team', 'team/a', 'team/a/b']) await store.addBlob(name, blob, AT)
    for (const name of ['teams', 'team-b', 'tea', 'team0']) await store.addBlob(name, other, AT)
    expect(await store.usedBytes('team')).toBe(4)
    expect(await store.usedBytes('team/a')).toBe(4)
    expect(await store.usedBytes('teams')).toBe(1000)
    expect(await store.usedBytes('')).toBe(1004)
    expect(await store.usedBytes('nothing')).toBe(0)
    await store.removeBlob('team', blob.digest)
    expect(await store.usedBytes('team')).toBe(4)
  })

  test('adding a blob ends its upload', async () => {
    const store = await make()
    const session = { id: 'one', repository: 'a', algorithm: 'sha512', startedAt: AT } as const
    await store.addUpload(session)
    expect(await store.findUpload('one')).toEqual(session)
    expect(await store.listUploads()).toEqual([session])
    await store.addBlob('a', blob, AT, 'one')
    expect(await store.findUpload('one')).toBeUndefined()
    expect(await store.removeUpload('one')).toBe(false)
  })

  test('a manifest is found by digest and by tag, with its exact bytes and facts', async () => {
    const store = await make()
    const facts = { subject: blob.digest, artifactType: 'x/y', annotations: { a: 'ü' } }
    const stored = manifest('{ "exact":  "bytes" }', facts)
    expect(await put(store, 'a', stored, ['one', 'two'])).toEqual([])
    for (const reference of [{ digest: stored.digest }, { tag: 'one' }, { tag: 'two' }]) {
      const found = await store.findManifest('a', reference)
      expect(found && { ...found, content: Buffer.from(found.content) }).toEqual(stored)
      const { digest, mediaType } = stored
      expect(await store.headManifest('a', reference)).toEqual({ digest, mediaType, size: stored.content.length })
    }
    expect(await store.findManifest('b', { digest: stored.digest })).toBeUndefined()
    expect(await store.listReferrers('a', blob.digest)).toHaveLength(1)
    expect(await store.listReferrers('b', blob.digest)).toEqual([])
  })

  test('missing references are reported and nothing is stored', async () => {
    const store = await make()
    const child = manifest('child')
    const parent = manifest('parent')
    const edges = { blobs: [blob.digest], manifests: [child.digest] }
    const options = { edges, tags: ['t'], sparse: false, at: AT }
    expect(await store.putManifest('a', parent, options)).toEqual([blob.digest, child.digest])
    expect(await store.hasRepository('a')).toBe(false)
    await store.addBlob('a', blob, AT)
    expect(await store.putManifest('a', parent, options)).toEqual([child.digest])
    await put(store, 'a', child)
    expect(await store.putManifest('a', parent, options)).toEqual([])
    expect(await store.putManifest('b', parent, { ...options, sparse: true })).toEqual([])
  })

  test('removing a manifest takes its tags in that repository only', async () => {
    const store = await make()
    const stored = manifest('m')
    await put(store, 'a', stored, ['one', 'two'])
    await put(store, 'b', stored, ['one'])
    expect(await store.removeManifest('a', stored.digest, { at: AT })).toBe(true)
    expect(await store.removeManifest('a', stored.digest, { at: AT })).toBe(false)
    expect(await store.listTags('a', { after: undefined, limit: 9 })).toEqual([])
    expect(await store.findManifest('b', { tag: 'one' })).toBeDefined()
    expect(await store.removeManifest('b', stored.digest, { at: AT })).toBe(true)
    await put(store, 'a', stored, ['again'])
    expect(await store.findManifest('a', { tag: 'again' })).toBeDefined()
  })

  test('a tag moves, is removed alone, and lists in code unit order after `after`', async () => {
    const store = await make()
    await put(store, 'a', manifest('1'), ['b', 'a', 'B', 'a.1'])
    await put(store, 'a', manifest('2'), ['a'])
    expect((await store.findManifest('a', { tag: 'a' }))?.digest).toBe(manifest('2').digest)
    expect(await store.listTags('a', { after: undefined, limit: 9 })).toEqual(['B', 'a', 'a.1', 'b'])
    expect(await store.listTags('a', { after: 'a', limit: 1 })).toEqual(['a.1'])
    expect(await store.removeTag('a', 'b', { at: AT })).toBe(true)
    expect(await store.removeTag('a', 'b', { at: AT })).toBe(false)
    expect(await store.findManifest('a', { digest: manifest('1').digest })).toBeDefined()
  })

  test('only repositories with a manifest are listed', async () => {
    const store = await make()
    await store.addBlob('empty', blob, AT)
    await put(store, 'b', manifest('1'))
    await put(store, 'a/b', manifest('1'))
    expect(await store.listRepositories({ after: undefined, limit: 9 })).toEqual(['a/b', 'b'])
    expect(await store.listRepositories({ after: 'a/b', limit: 9 })).toEqual(['b'])
    expect(await store.hasRepository('empty')).toBe(true)
  })

  const LATER = new Date(AT.getTime() + 1000)

  test('a blob is mounted only from a repository that holds it', async () => {
    const store = await make()
    expect(await store.mountBlob(blob.digest, 'a', 'b', AT)).toBe(false)
    await store.addBlob('a', blob, AT)
    expect(await store.mountBlob(blob.digest, 'c', 'b', AT)).toBe(false)
    expect(await store.mountBlob(blob.digest, 'a', 'b', LATER)).toBe(true)
    expect(await store.findBlob('b', blob.digest)).toEqual({ ...blob, version: 1, touchedAt: LATER })
  })

  test('a damaged blob is unknown to all until it is stored again, and only the version that was seen is condemned', async () => {
    const store = await make()
    await store.addBlob('a', blob, AT)
    await store.mountBlob(blob.digest, 'a', 'b', AT)
    expect(await store.condemnBlob(blob.digest, 2)).toBe(false)
    expect(await store.condemnBlob(blob.digest, 1)).toBe(true)
    expect(await store.condemnBlob(blob.digest, 1)).toBe(false)
    expect(await store.damaged()).toEqual([blob.digest])
    expect(await store.findBlob('b', blob.digest)).toBeUndefined()
    expect(await store.repositoriesWithBlob(blob.digest, 9)).toEqual([])
    expect(await store.mountBlob(blob.digest, 'a', 'c', AT)).toBe(false)
    const edges = { blobs: [blob.digest], manifests: [] }
    expect(await put(store, 'a', manifest('m'), [], edges)).toEqual([blob.digest])
    await store.addBlob('c', blob, LATER)
    expect((await store.findBlob('b', blob.digest))?.version).toBe(2)
    expect(await store.damaged()).toEqual([])
  })

  test('a blob goes when no manifest of any repository needs it and nobody has touched it', async () => {
    const store = await make()
    await store.addBlob('a', blob, AT)
    await store.mountBlob(blob.digest, 'a', 'b', AT)
    await put(store, 'b', manifest('m'), [], { blobs: [blob.digest], manifests: [] })
    expect(await store.lapseBlobs(new Date(AT.getTime() - 1), '', 9)).toEqual({ lapsed: 0 })
    expect(await store.lapseBlobs(AT, '', 9)).toEqual({ lapsed: 1 })
    expect(await store.findBlob('a', blob.digest)).toBeUndefined()
    expect(await store.startDeleting(blob.digest)).toBe(false)
    await store.removeManifest('b', manifest('m').digest, { at: LATER })
    expect(await store.lapseBlobs(AT, '', 9)).toEqual({ lapsed: 0 })
    expect(await store.touchBlob('b', blob.digest, AT)).toBe(true)
    expect(await store.touchBlob('a', blob.digest, AT)).toBe(false)
    expect(await store.lapseBlobs(AT, '', 9)).toEqual({ lapsed: 1 })
    expect(await store.unheldBlobs('', 9)).toEqual({ blobs: [blob] })
    expect(await store.startDeleting(blob.digest)).toBe(true)
    expect(await store.interruptedDeletions()).toEqual([blob.digest])
    expect(await store.knowsBlob(blob.digest)).toBe(true)
    await store.finishDeleting(blob.digest)
    expect(await store.knowsBlob(blob.digest)).toBe(false)
  })

  test('walks go in steps and end', async () => {
    const store = await make()
    for (const text of ['1', '2', '3']) await store.addBlob('a', { digest: sha256(text), size: 1 }, AT)
    const first = await store.lapseBlobs(AT, '', 2)
    expect(first).toEqual({ lapsed: 2, next: expect.any(String) })
    expect(await store.lapseBlobs(AT, first.next ?? '', 2)).toEqual({ lapsed: 1 })
    const { blobs, next } = await store.unheldBlobs('', 2)
    expect(blobs).toHaveLength(2)
    expect((await store.unheldBlobs(next ?? '', 2)).blobs).toHaveLength(1)
  })

  test('a fixed tag neither moves nor goes', async () => {
    const store = await make()
    const options = { edges: NO_EDGES, sparse: false, at: AT, isFixed: (tag: string) => tag === 'v1' }
    await store.putManifest('a', manifest('1'), { ...options, tags: ['v1', 'free'] })
    await store.putManifest('a', manifest('1'), { ...options, tags: ['v1'] })
    const refused = expect.objectContaining({ code: 'TAG_IMMUTABLE' })
    await expect(store.putManifest('a', manifest('2'), { ...options, tags: ['free', 'v1'] })).rejects.toEqual(refused)
    await expect(store.removeTag('a', 'v1', options)).rejects.toEqual(refused)
    await expect(store.removeManifest('a', manifest('1').digest, options)).rejects.toEqual(refused)
    expect((await store.headManifest('a', { tag: 'free' }))?.digest).toBe(manifest('1').digest)
    expect(await store.headManifest('a', { digest: manifest('2').digest })).toBeUndefined()
    expect(await store.removeTag('a', 'free', options)).toBe(true)
  })

  test('a manifest is collected only when nothing holds it at that moment', async () => {
    const store = await make()
    const subject = manifest('subject')
    const parts = [manifest('part'), manifest('signature', { subject: subject.digest })]
    const [part = subject, signature = subject] = parts
    for (const each of [subject, ...parts]) await put(store, 'a', each)
    await put(store, 'a', manifest('index'), ['t'], { blobs: [], manifests: [part.digest] })
    const collect = (each: StoredManifest, tags: string[] = [], pushedAt = AT) =>
      store.collectManifest('a', { digest: each.digest, pushedAt }, { tags, at: LATER })
    expect(await collect(part)).toBe(false)
    expect(await collect(signature)).toBe(false)
    expect(await collect(manifest('index'))).toBe(false)
    expect(await collect(manifest('index'), ['t'], new Date(0))).toBe(false)
    expect(await collect(manifest('index'), ['t'])).toBe(true)
    expect(await collect(subject)).toBe(true)
    expect(await store.garbageRepositories(AT)).toEqual([])
    expect(await store.garbageRepositories(LATER)).toEqual(['a'])
    expect((await store.contents('a')).manifests.map(({ releasedAt }) => releasedAt)).toEqual([LATER, LATER])
    // Pushed again, it is nobody's any more.
    await put(store, 'a', part)
    expect((await store.contents('a')).manifests.filter(({ releasedAt }) => releasedAt === undefined)).toHaveLength(1)
    expect(await collect(part)).toBe(true)
    expect(await collect(signature)).toBe(true)
    expect(await collect(signature)).toBe(false)
  })

  test('what a tag left behind is untagged since then', async () => {
    const store = await make()
    await put(store, 'a', manifest('1'), ['t'])
    await store.putManifest('a', manifest('2'), { edges: NO_EDGES, tags: ['t'], sparse: false, at: LATER })
    const { manifests, tags } = await store.contents('a')
    const times = new Map(manifests.map(({ digest, untaggedAt }) => [digest, untaggedAt]))
    expect([times.get(manifest('1').digest), times.get(manifest('2').digest)]).toEqual([LATER, undefined])
    expect(tags).toEqual([{ name: 't', digest: manifest('2').digest, updatedAt: LATER }])
    expect(await store.expireTag('a', { name: 't', digest: manifest('2').digest, updatedAt: AT }, LATER)).toBe(false)
    expect(await store.expireTag('a', { name: 't', digest: manifest('2').digest, updatedAt: LATER }, LATER)).toBe(true)
  })

  test('a scrub is given what waited longest, and not what was just found right', async () => {
    const store = await make()
    await store.addBlob('a', { digest: sha256('new'), size: 3 }, LATER)
    await store.addBlob('a', blob, AT)
    const end = new Date(LATER.getTime() + 1)
    expect((await store.blobsToCheck(end, 9)).map(({ digest }) => digest)).toEqual([blob.digest, sha256('new')])
    await store.noteChecked(blob.digest, 1, end)
    await store.noteChecked(sha256('new'), 7, end)
    expect((await store.blobsToCheck(end, 9)).map(({ digest }) => digest)).toEqual([sha256('new')])
  })

  test('a damaged manifest is unknown until it is pushed again', async () => {
    const store = await make()
    await put(store, 'a', manifest('m'), ['t'])
    const [row] = await store.manifestsToCheck(0, 9)
    expect(row?.digest).toBe(manifest('m').digest)
    await store.condemnManifest(manifest('m').digest)
    expect(await store.findManifest('a', { tag: 't' })).toBeUndefined()
    expect(await store.manifestsToCheck(0, 9)).toEqual([])
    await put(store, 'a', manifest('m'))
    expect((await store.findManifest('a', { tag: 't' }))?.digest).toBe(manifest('m').digest)
  })
}
