import { expect, test } from 'vitest'
import type { MetadataStore, StoredManifest } from '../../../src/registry/storage/storage.ts'
import { sha256 } from '../../../src/shared/digest.ts'
import { AT, blob, LATER, manifest, NO_EDGES, put } from './samples.ts'

/** What every MetadataStore must do for garbage collection, retention and scrub. */
export function maintenanceContract(make: () => Promise<MetadataStore>): void {
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

  test('who saw damage before a blob was collected cannot condemn what was pushed after it', async () => {
    const store = await make()
    await store.addBlob('a', blob, AT)
    const seen = (await store.findBlob('a', blob.digest))?.version ?? 0
    await store.removeBlob('a', blob.digest)
    await store.startDeleting(blob.digest)
    await store.finishDeleting(blob.digest)
    await store.addBlob('a', blob, LATER)
    expect(await store.condemnBlob(blob.digest, seen)).toBe(false)
    expect(await store.findBlob('a', blob.digest)).toMatchObject(blob)
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
    const found = await store.blobsToCheck(end, 9)
    expect(found.map(({ digest }) => digest)).toEqual([blob.digest, sha256('new')])
    const [old = 0, fresh = 0] = found.map(({ version }) => version)
    await store.noteChecked(blob.digest, old, end)
    await store.noteChecked(sha256('new'), fresh + 1, end)
    expect((await store.blobsToCheck(end, 9)).map(({ digest }) => digest)).toEqual([sha256('new')])
  })

  test('a damaged manifest is unknown until it is pushed again', async () => {
    const store = await make()
    await put(store, 'a', manifest('m'), ['t'])
    const [row] = await store.manifestsToCheck(0, 9)
    expect(row?.digest).toBe(manifest('m').digest)
    expect(await store.condemnManifest(manifest('m').digest, Buffer.from('other'))).toBe(false)
    expect(await store.condemnManifest(manifest('m').digest, manifest('m').content)).toBe(true)
    expect(await store.findManifest('a', { tag: 't' })).toBeUndefined()
    expect(await store.manifestsToCheck(0, 9)).toEqual([])
    await put(store, 'a', manifest('m'))
    expect((await store.findManifest('a', { tag: 't' }))?.digest).toBe(manifest('m').digest)
  })
}
