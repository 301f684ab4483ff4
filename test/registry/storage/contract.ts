import { expect, test } from 'vitest'
import type { BlobStore, MetadataStore, StoredManifest, UploadStore } from '../../../src/registry/storage/storage.ts'
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

  test('the free space is a number of bytes', async () => {
    expect(await (await make()).blobs.freeBytes()).toBeGreaterThan(0)
  })
}

const AT = new Date('2026-01-02T03:04:05Z')
const NO_EDGES = { blobs: [], manifests: [] }

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
}
