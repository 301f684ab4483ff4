import { randomBytes } from 'node:crypto'
import { readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ContentSource } from '../../../src/oci/content.ts'
import { copyTo } from '../../../src/oci/copy.ts'
import { archiveFiles, writeArchive } from '../../../src/oci/layout/archive.ts'
import { directoryFiles, directoryTarget } from '../../../src/oci/layout/directory.ts'
import { layoutSource } from '../../../src/oci/layout/layout-source.ts'
import { remoteTarget } from '../../../src/oci/remote-target.ts'
import { IMAGE, pushBlob } from '../../registry/support/open-registry.ts'
import { directory, FAST_UPLOAD, never, ourRegistry, plan, pushSignedIndex, referrersOf, source } from '../support.ts'

async function signed() {
  const registry = await ourRegistry()
  const pushed = await pushSignedIndex(registry, 'os/debian')
  return { registry, pushed, remote: source(registry.repository('os/debian')) }
}

async function toDirectory(from: ContentSource, reference: string, root: string, tag = '13') {
  const target = await directoryTarget(root)
  const result = await copyTo(target, from, { plan: await plan(from, reference), tag }, never)
  await target.close()
  return result
}

test('registry to directory to archive to directory to registry: everything is there again', async () => {
  const { remote, pushed } = await signed()
  const root = await directory()
  await toDirectory(remote, '13', join(root, 'one'))
  const one = await layoutSource(directoryFiles(join(root, 'one')))
  await writeArchive(join(root, 'a.tar'), one, { plan: await plan(one, ''), tag: '13' }, never)
  const files = await archiveFiles(join(root, 'a.tar'))
  const archived = await layoutSource(files)
  await toDirectory(archived, '13', join(root, 'two'))
  await files.close()

  const back = await ourRegistry()
  const two = await layoutSource(directoryFiles(join(root, 'two')))
  const target = remoteTarget(back.repository('os/debian'), FAST_UPLOAD)
  await copyTo(target, two, { plan: await plan(two, ''), tag: '13' }, never)
  const answer = await back.request('HEAD', '/v2/os/debian/manifests/13')
  expect(answer.headers.get('docker-content-digest')).toBe(pushed.digest)
  expect(await referrersOf(back, 'os/debian', pushed.digest)).toEqual([pushed.signature])
  expect(await referrersOf(back, 'os/debian', pushed.signature)).toEqual([pushed.second])
  expect((await back.request('HEAD', `/v2/os/debian/manifests/${pushed.cosignTag}`)).status).toBe(200)
})

test('the same content is the same archive, from wherever it comes', async () => {
  const { remote } = await signed()
  const root = await directory()
  await toDirectory(remote, '13', join(root, 'one'))
  const one = await layoutSource(directoryFiles(join(root, 'one')))
  await writeArchive(join(root, 'a.tar'), one, { plan: await plan(one, '13'), tag: '13' }, never)
  await writeArchive(join(root, 'b.tar'), remote, { plan: await plan(remote, '13'), tag: '13' }, never)
  const [a, b] = [await readFile(join(root, 'a.tar')), await readFile(join(root, 'b.tar'))]
  expect(a.equals(b)).toBe(true)
  expect(a.length % 10_240).toBe(0)
})

test('a layout keeps what it has, and a tag moves', async () => {
  const { registry, remote } = await signed()
  const root = await directory()
  await toDirectory(remote, '13', root, 'kept')
  const blob = await pushBlob(registry, 'os/debian', 'another')
  const body = JSON.stringify({ schemaVersion: 2, mediaType: IMAGE, config: blob, layers: [] })
  await registry.request('PUT', '/v2/os/debian/manifests/new', { headers: { 'content-type': IMAGE }, body })
  await toDirectory(remote, '13', root, 'moved')
  await toDirectory(remote, 'new', root, 'moved')
  const { entries, manifest } = await layoutSource(directoryFiles(root))
  expect(entries.map(({ tag }) => tag).filter((tag) => tag === 'kept' || tag === 'moved')).toEqual(['kept', 'moved'])
  expect((await manifest('moved', never))?.content.toString()).toBe(body)
  await expect(manifest('', never)).rejects.toThrow('name one of')
})

/** An image of one layer of 3 MiB in a registry. */
async function large() {
  const registry = await ourRegistry()
  const content = randomBytes(3 << 20)
  const layer = await pushBlob(registry, 'os/disk', content)
  const config = await pushBlob(registry, 'os/disk', '{}')
  const body = JSON.stringify({ schemaVersion: 2, mediaType: IMAGE, config, layers: [layer] })
  await registry.request('PUT', '/v2/os/disk/manifests/1', { headers: { 'content-type': IMAGE }, body })
  return { remote: source(registry.repository('os/disk')), layer, content }
}

/** A source that breaks off after some bytes of a large blob, and notes where reading began. */
function breaking(from: ContentSource, bytes: number): ContentSource & { starts: number[] } {
  const starts: number[] = []
  return {
    ...from,
    starts,
    async *blob(blob, start, signal) {
      if (blob.size > bytes) starts.push(start)
      let given = 0
      for await (const chunk of from.blob(blob, start, signal)) {
        yield chunk
        given += chunk.length
        if (given >= bytes && starts.length === 1) throw new Error('the network went away')
      }
    },
  }
}

test('a copy into a directory goes on where it was interrupted', async () => {
  const { remote, content, layer } = await large()
  const root = await directory()
  const from = breaking(remote, 1 << 20)
  await expect(toDirectory(from, '1', root)).rejects.toThrow('the network went away')
  await expect(layoutSource(directoryFiles(root))).rejects.toMatchObject({ code: 'layout-invalid' })
  await toDirectory(from, '1', root)
  expect(from.starts).toHaveLength(2)
  expect(from.starts[1]).toBeGreaterThanOrEqual(1 << 20)
  expect((await readFile(join(root, 'blobs', layer.digest.replace(':', '/')))).equals(content)).toBe(true)
})

test('an archive goes on where it was interrupted, and is the same', async () => {
  const { remote } = await large()
  const root = await directory()
  const all = await plan(remote, '1')
  await writeArchive(join(root, 'whole.tar'), remote, { plan: all, tag: '1' }, never)
  const from = breaking(remote, 1 << 20)
  const path = join(root, 'broken.tar')
  await expect(writeArchive(path, from, { plan: all, tag: '1' }, never)).rejects.toThrow('the network went away')
  await writeArchive(path, from, { plan: all, tag: '1' }, never)
  expect(from.starts[1]).toBeGreaterThanOrEqual(1 << 20)
  expect((await readFile(path)).equals(await readFile(join(root, 'whole.tar')))).toBe(true)
})

test('what is damaged in a partial file is found, and the next try begins again', async () => {
  const { remote } = await large()
  const root = await directory()
  const all = await plan(remote, '1')
  const path = join(root, 'a.tar')
  const from = breaking(remote, 1 << 20)
  await expect(writeArchive(path, from, { plan: all, tag: '1' }, never)).rejects.toThrow()
  const partial = await readFile(`${path}.partial`)
  partial.fill(0, partial.length - 1000)
  await writeFile(`${path}.partial`, partial)
  await expect(writeArchive(path, from, { plan: all, tag: '1' }, never)).rejects.toMatchObject({
    code: 'digest-mismatch',
  })
  await writeArchive(path, from, { plan: all, tag: '1' }, never)
})

test.for([
  ['no layout', async (root: string) => writeFile(join(root, 'x'), ''), 'it has no index.json'],
  ['a list of nothing', async (root: string) => writeFile(join(root, 'index.json'), '{}'), 'lists nothing'],
  [
    'an entry without a digest',
    async (root: string) => writeFile(join(root, 'index.json'), '{"manifests":[{}]}'),
    'has no digest',
  ],
] as const)('%s is refused', async ([, make, message]) => {
  const root = await directory()
  await make(root)
  await expect(layoutSource(directoryFiles(root))).rejects.toThrow(message)
})

test('an archive that is cut off, and a file that is none, are refused', async () => {
  const { remote } = await large()
  const root = await directory()
  const path = join(root, 'a.tar')
  await writeArchive(path, remote, { plan: await plan(remote, '1'), tag: '1' }, never)
  await truncate(path, 2 << 20)
  const files = await archiveFiles(path)
  const from = await layoutSource(files)
  await expect(toDirectory(from, '1', join(root, 'out'))).rejects.toThrow(/cut off|missing|no manifest/)
  await files.close()
  await writeFile(path, randomBytes(2048))
  await expect(archiveFiles(path)).rejects.toMatchObject({ code: 'layout-invalid' })
})
