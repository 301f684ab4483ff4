import { expect, test } from 'vitest'
import { copyTo } from '../../src/oci/copy.ts'
import { remoteTarget } from '../../src/oci/remote-target.ts'
import { pushImage } from '../registry/support/open-registry.ts'
import { FAST_UPLOAD, never, ourRegistry, plan, pushSignedIndex, referrersOf, source } from './support.ts'

test('a copy has all platforms, signatures, signatures of signatures, and cosign tags', async () => {
  const [from, to] = [await ourRegistry(), await ourRegistry()]
  const pushed = await pushSignedIndex(from, 'os/debian')
  const remote = source(from.repository('os/debian'))
  const target = remoteTarget(to.repository('copy/of/debian'), FAST_UPLOAD)
  const result = await copyTo(target, remote, { plan: await plan(remote, '13'), tag: '14' }, never)

  const there = await to.request('HEAD', '/v2/copy/of/debian/manifests/14')
  expect(there.headers.get('docker-content-digest')).toBe(pushed.digest)
  expect(await referrersOf(to, 'copy/of/debian', pushed.digest)).toEqual([pushed.signature])
  expect(await referrersOf(to, 'copy/of/debian', pushed.signature)).toEqual([pushed.second])
  const tags = (await (await to.request('GET', '/v2/copy/of/debian/tags/list')).json()) as { tags: string[] }
  expect(tags.tags).toEqual(['14', pushed.cosignTag])
  expect(result).toMatchObject({ present: 0, mounted: 0 })
  expect(result.stored).toBeGreaterThan(2)
})

test('a second copy moves no bytes, and within a registry blobs are mounted', async () => {
  const registry = await ourRegistry()
  await pushSignedIndex(registry, 'os/debian')
  const remote = source(registry.repository('os/debian'))
  const all = await plan(remote, '13')
  const policy = { ...FAST_UPLOAD, mountFrom: 'os/debian' }
  const target = remoteTarget(registry.repository('other/debian'), policy)
  const first = await copyTo(target, remote, { plan: all, tag: '13' }, never)
  expect(first).toMatchObject({ stored: 0, bytes: 0, mounted: all.blobs.length })
  expect(await copyTo(target, remote, { plan: all, tag: '13' }, never)).toMatchObject({ present: all.blobs.length })
})

test.for([
  [{ referrers: false }, 3, 0],
  [{ platform: 'linux/arm64' }, 1, 0],
  [{ platform: 'linux/amd64' }, 2, 1],
] as const)('with %j there are %i manifests', async ([options, manifests, tags]) => {
  const from = await ourRegistry()
  await pushSignedIndex(from, 'os/debian')
  const found = await plan(source(from.repository('os/debian')), '13', options)
  expect([found.manifests.length, found.tags.length]).toEqual([manifests, tags])
})

test('a platform or a tag that is not there is named', async () => {
  const from = await ourRegistry()
  await pushSignedIndex(from, 'os/debian')
  const remote = source(from.repository('os/debian'))
  await expect(plan(remote, '13', { platform: 'linux/riscv64' })).rejects.toThrow('only linux/amd64, linux/arm64')
  await expect(plan(remote, '99')).rejects.toMatchObject({ code: 'not-found' })
})

test('content that is not what its digest says is not stored', async () => {
  const [from, to] = [await ourRegistry(), await ourRegistry()]
  await pushImage(from, 'os/debian', '13')
  const honest = source(from.repository('os/debian'))
  const all = await plan(honest, '13')
  const lying = {
    ...honest,
    blob: async function* lie() {
      yield Buffer.alloc(11)
    },
  }
  const target = remoteTarget(to.repository('os/debian'), FAST_UPLOAD)
  const large = { ...all, blobs: all.blobs.filter(({ size }) => size === 11) }
  await expect(copyTo(target, lying, { plan: large, tag: '13' }, never)).rejects.toMatchObject({
    code: 'digest-mismatch',
  })
  expect((await to.request('HEAD', '/v2/os/debian/manifests/13')).status).toBe(404)
})
