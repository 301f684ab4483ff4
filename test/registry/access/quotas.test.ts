import { request as httpRequest } from 'node:http'
import { expect, test } from 'vitest'
import { policyOf } from '../../../src/registry/access/open.ts'
import { createQuotas } from '../../../src/registry/access/quotas.ts'
import { sha256 } from '../../../src/shared/digest.ts'
import type { TestRegistry } from '../support/open-registry.ts'
import { pushBlob, pushImage, served, temporaryDirectory, testRegistry } from '../support/open-registry.ts'

const EVERYTHING = "rules: [{ repositories: ['**'], who: [anonymous], allow: [pull, push, delete] }]\n"

function withQuotas(quotas: string): Promise<TestRegistry> {
  return testRegistry({ policy: policyOf(`${EVERYTHING}quotas: ${quotas}`) })
}

async function push(registry: TestRegistry, repository: string, content: string): Promise<Response> {
  return registry.request('POST', `/v2/${repository}/blobs/uploads/?digest=${sha256(content)}`, { body: content })
}

test('what does not fit below a prefix is denied, with the figures; others are not concerned', async () => {
  const registry = await withQuotas('[{ prefix: team, bytes: 1000 }]')
  expect((await push(registry, 'team/a', 'x'.repeat(600))).status).toBe(201)
  const denied = await push(registry, 'team/b', 'y'.repeat(600))
  expect(denied.status).toBe(403)
  expect(await denied.json()).toEqual({
    errors: [
      {
        code: 'DENIED',
        message: 'the quota of "team" is 1000 B: 600 B are used, 600 B more do not fit',
        detail: { quota: 'team', limit: 1000, used: 600, wanted: 600 },
      },
    ],
  })
  expect((await push(registry, 'teams', 'y'.repeat(600))).status).toBe(201)
  expect((await push(registry, 'team', 'z'.repeat(400))).status).toBe(201)
  // Full: nobody is asked to send anything.
  expect((await registry.request('POST', '/v2/team/c/blobs/uploads/')).status).toBe(403)
})

test('content counts once below a prefix: a mount inside of it is free, one from outside is not', async () => {
  const registry = await withQuotas('[{ prefix: team, bytes: 1000 }]')
  const inside = await pushBlob(registry, 'team/a', 'x'.repeat(900))
  const outside = await pushBlob(registry, 'other', 'y'.repeat(900))
  const mount = (digest: string, from: string) =>
    registry.request('POST', `/v2/team/b/blobs/uploads/?mount=${digest}&from=${from}`)
  expect((await mount(inside.digest, 'team/a')).status).toBe(201)
  expect((await mount(outside.digest, 'other')).status).toBe(403)
})

test('mounts and manifests count at once, not when the sum is made anew', async () => {
  const registry = await withQuotas('[{ prefix: team, bytes: 1500 }, { prefix: signed, bytes: 1500 }]')
  const mounted = ['x', 'y'].map(async (letter) => {
    const { digest } = await pushBlob(registry, 'other', letter.repeat(1000))
    return (await registry.request('POST', `/v2/team/b/blobs/uploads/?mount=${digest}&from=other`)).status
  })
  expect((await Promise.all(mounted)).toSorted()).toEqual([201, 403])
  await pushImage(registry, 'signed', 'v1', { annotations: { note: 'n'.repeat(700) } })
  await expect(pushImage(registry, 'signed', 'v2', { annotations: { note: 'm'.repeat(700) } })).rejects.toThrow('403')
})

test('of an upload that broke off only what arrived counts, after a restart too', async () => {
  const root = await temporaryDirectory()
  const policy = policyOf(`${EVERYTHING}quotas: [{ prefix: '', bytes: 1400 }]`)
  const registry = await testRegistry({ root, policy })
  const { url } = await served(registry)
  const { headers } = await registry.request('POST', '/v2/a/blobs/uploads/')
  const location = headers.get('location') ?? ''
  const broken = httpRequest(url + location, { method: 'PATCH', headers: { 'content-length': '1400' } })
  broken.on('error', () => {})
  broken.write('x'.repeat(600))
  await expect.poll(async () => (await registry.request('POST', '/v2/b/blobs/uploads/')).status).toBe(403)
  broken.destroy()
  await expect.poll(async () => (await push(registry, 'b', 'y'.repeat(500))).status).toBe(201)
  await registry.close()
  const again = await testRegistry({ root, policy })
  expect((await push(again, 'c', 'z'.repeat(500))).status).toBe(403)
  expect((await again.request('DELETE', location)).status).toBe(204)
  expect((await push(again, 'c', 'z'.repeat(500))).status).toBe(201)
})

test('an upload in pieces is denied as soon as it cannot fit, and gives its space back', async () => {
  const registry = await withQuotas("[{ prefix: '', bytes: 1000 }]")
  const { headers } = await registry.request('POST', '/v2/a/blobs/uploads/')
  const location = headers.get('location') ?? ''
  expect((await registry.request('PATCH', location, { body: 'x'.repeat(600) })).status).toBe(202)
  expect((await push(registry, 'b', 'y'.repeat(600))).status).toBe(403)
  expect((await registry.request('PATCH', location, { body: 'x'.repeat(600) })).status).toBe(403)
  expect((await registry.request('GET', location)).status).toBe(404)
  expect((await push(registry, 'b', 'y'.repeat(600))).status).toBe(201)
})

test('without a length it is denied at the end', async () => {
  const registry = await withQuotas("[{ prefix: '', bytes: 1000 }]")
  const { url } = await served(registry)
  const content = 'z'.repeat(1200)
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(Buffer.from(content))
      controller.close()
    },
  })
  const response = await fetch(`${url}/v2/a/blobs/uploads/?digest=${sha256(content)}`, {
    method: 'POST',
    body,
    duplex: 'half',
  } as RequestInit)
  expect(response.status).toBe(403)
  expect((await registry.request('HEAD', `/v2/a/blobs/${sha256(content)}`)).status).toBe(404)
})

test('what is deleted makes room, at once', async () => {
  const registry = await withQuotas("[{ prefix: '', bytes: 1000 }]")
  const { digest } = await pushBlob(registry, 'a', 'x'.repeat(900))
  expect((await push(registry, 'a', 'y'.repeat(900))).status).toBe(403)
  expect((await registry.request('DELETE', `/v2/a/blobs/${digest}`)).status).toBe(202)
  expect((await push(registry, 'a', 'y'.repeat(900))).status).toBe(201)
})

test('manifests count', async () => {
  const registry = await withQuotas('[{ prefix: a, bytes: 600 }]')
  await expect(pushImage(registry, 'a', 'v1', { annotations: { note: 'n'.repeat(1000) } })).rejects.toThrow('403')
})

test('of two uploads that fit alone but not together, one is refused', async () => {
  const policy = policyOf("quotas: [{ prefix: '', bytes: 100 }]")
  const quotas = createQuotas(policy, async () => 0, { now: () => new Date(0) })
  const results = await Promise.allSettled([
    quotas.hold('1', { repository: 'a', bytes: 60 }),
    quotas.hold('2', { repository: 'b', bytes: 60 }),
  ])
  expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  // The one that holds may grow to the limit, and its place is free when it is given up.
  await quotas.hold('1', { repository: 'a', bytes: 100 })
  quotas.settle('1', false)
  await quotas.hold('2', { repository: 'b', bytes: 100 })
})

test('what was stored counts before the sum is made anew, and a sum that may be old refuses nothing', async () => {
  let [stored, sums] = [0, 0]
  const used = async () => {
    sums++
    return stored
  }
  const policy = policyOf("quotas: [{ prefix: '', bytes: 100 }]")
  const quotas = createQuotas(policy, used, { now: () => new Date(0) })
  await quotas.hold('1', { repository: 'a', bytes: 60 })
  stored = 60
  quotas.settle('1', true)
  await expect(quotas.hold('2', { repository: 'a', bytes: 60 })).rejects.toMatchObject({ code: 'DENIED' })
  stored = 0
  await quotas.hold('2', { repository: 'a', bytes: 60 })
  expect(sums).toBe(3)
})
