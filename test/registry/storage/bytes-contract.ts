import { expect, test } from 'vitest'
import type { BlobStore, UploadStore } from '../../../src/registry/storage/storage.ts'
import type { Digest } from '../../../src/shared/digest.ts'
import { sha256 } from '../../../src/shared/digest.ts'

/** Undefined when there is no such content. */
export async function sizeOf(blobs: Pick<BlobStore, 'open'>, digest: Digest): Promise<number | undefined> {
  const reader = await blobs.open(digest).catch(() => undefined)
  await reader?.close()
  return reader?.size
}

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
    expect(await sizeOf(stores.blobs, digest)).toBe(5)
    expect(await text(stores.blobs, digest)).toBe('hello')
    expect(await text(stores.blobs, digest, 1, 3)).toBe('ell')
    expect(await text(stores.blobs, digest, 5)).toBe('')
    expect(await stores.uploads.size('one')).toBeUndefined()
  })

  test('an absent blob is BLOB_UNKNOWN to open and nothing to delete', async () => {
    const { blobs } = await make()
    await expect(blobs.open(HELLO)).rejects.toMatchObject({ code: 'BLOB_UNKNOWN' })
    expect(await sizeOf(blobs, HELLO)).toBeUndefined()
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
    expect(await sizeOf(stores.blobs, digest)).toBeUndefined()
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
