import { expect, test } from 'vitest'
import type { MetadataStore } from '../../../src/registry/storage/storage.ts'
import { sha256 } from '../../../src/shared/digest.ts'
import { AT, blob, LATER, manifest, put } from './samples.ts'

/** What every MetadataStore must do for pushes and pulls; maintenance-contract.ts has the rest. */
export function metadataContract(make: () => Promise<MetadataStore>): void {
  test('a blob belongs to the repositories it was added to', async () => {
    const store = await make()
    await store.addBlob('b', blob, AT)
    await store.addBlob('a', blob, AT)
    await store.addBlob('a', blob, AT)
    const found = await store.findBlob('a', blob.digest)
    expect(found).toEqual({ ...blob, version: expect.any(Number), touchedAt: AT })
    expect(await store.findBlob('c', blob.digest)).toBeUndefined()
    expect(await store.repositoriesWithBlob(blob.digest, 10)).toEqual(['a', 'b'])
    expect(await store.removeBlob('a', blob.digest)).toBe(true)
    expect(await store.removeBlob('a', blob.digest)).toBe(false)
    await store.condemnBlob(blob.digest, found?.version ?? 0)
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

  test('a blob is mounted only from a repository that holds it', async () => {
    const store = await make()
    expect(await store.mountBlob(blob.digest, 'a', 'b', AT)).toBe(false)
    await store.addBlob('a', blob, AT)
    expect(await store.mountBlob(blob.digest, 'c', 'b', AT)).toBe(false)
    expect(await store.mountBlob(blob.digest, 'a', 'b', LATER)).toBe(true)
    expect(await store.findBlob('b', blob.digest)).toMatchObject({ ...blob, touchedAt: LATER })
  })

  test('a damaged blob is unknown to all until it is stored again, and only the version that was seen is condemned', async () => {
    const store = await make()
    await store.addBlob('a', blob, AT)
    await store.mountBlob(blob.digest, 'a', 'b', AT)
    const version = (await store.findBlob('a', blob.digest))?.version ?? 0
    expect(await store.condemnBlob(blob.digest, version + 1)).toBe(false)
    expect(await store.condemnBlob(blob.digest, version)).toBe(true)
    expect(await store.condemnBlob(blob.digest, version)).toBe(false)
    expect(await store.damaged()).toEqual([blob.digest])
    expect(await store.findBlob('b', blob.digest)).toBeUndefined()
    expect(await store.repositoriesWithBlob(blob.digest, 9)).toEqual([])
    expect(await store.mountBlob(blob.digest, 'a', 'c', AT)).toBe(false)
    const edges = { blobs: [blob.digest], manifests: [] }
    expect(await put(store, 'a', manifest('m'), [], edges)).toEqual([blob.digest])
    await store.addBlob('c', blob, LATER)
    expect((await store.findBlob('b', blob.digest))?.version).not.toBe(version)
    expect(await store.damaged()).toEqual([])
  })
}
