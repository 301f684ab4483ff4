import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { REGISTRY_METRICS } from '../../src/registry/metrics.ts'
import { createLogger } from '../../src/shared/log.ts'
import { pushBlob, pushImage, served, testRegistry } from './support/open-registry.ts'

/** Samples by their name with labels. */
function parse(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]))
}

test('docs/metrics.md documents exactly the metrics in the table, with their types and labels', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/metrics.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `(provisioner_registry_\w+)` \| (\w+) \|([^|]*)\|/gm)]
  const documented = rows.map(([, name, type, labels = '']) => [name, type, labels.replaceAll(/[` ]/g, '')])
  const table = Object.entries(REGISTRY_METRICS).map(([name, { type, labels }]) => [name, type, labels.join(',')])
  expect(documented).toEqual(table)
})

test('requests are counted by endpoint, bytes as they move, storage as it is', async () => {
  const registry = await testRegistry()
  const { url } = await served(registry)
  const { digest } = await pushBlob(registry, 'a', 'x'.repeat(1000))
  await pushImage(registry, 'a', 'v1')
  expect((await (await fetch(`${url}/v2/a/blobs/${digest}`)).text()).length).toBe(1000)
  await fetch(`${url}/v2/a/manifests/v1`, { method: 'HEAD' })
  await fetch(`${url}/v2/a/manifests/v2`)
  await registry.request('POST', '/v2/a/blobs/uploads/')

  const response = await fetch(`${url}/v2/_metrics`)
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  const text = await response.text()
  const samples = parse(text)
  const name = 'provisioner_registry_requests_total'
  expect(samples.get(`${name}{route="blob",method="GET",status="200"}`)).toBe(1)
  expect(samples.get(`${name}{route="manifest",method="HEAD",status="200"}`)).toBe(1)
  expect(samples.get(`${name}{route="manifest",method="GET",status="404"}`)).toBe(1)
  expect(samples.get('provisioner_registry_request_seconds_bucket{route="manifest",le="+Inf"}')).toBe(3)
  expect(samples.get('provisioner_registry_requests_in_flight')).toBe(1)
  expect(samples.get('provisioner_registry_received_bytes_total')).toBeGreaterThan(1000)
  expect(samples.get('provisioner_registry_sent_bytes_total')).toBeGreaterThan(1000)
  expect(samples.get('provisioner_registry_storage_bytes')).toBeGreaterThan(1000)
  expect(samples.get('provisioner_registry_storage_free_bytes')).toBeGreaterThan(0)
  expect(samples.get('provisioner_registry_reclaimable_bytes')).toBe(0)
  expect(samples.get('provisioner_registry_uploads')).toBe(1)
  for (const metric of Object.keys(REGISTRY_METRICS)) expect(text).toContain(`# TYPE ${metric} `)
})

test('a registry alone answers at /metrics too', async () => {
  const registry = await testRegistry()
  const { url } = await served(registry)
  expect(await (await fetch(`${url}/metrics`)).text()).toContain('provisioner_registry_uploads 0')
  expect(await (await registry.request('GET', '/metrics')).text()).toContain('provisioner_registry_uploads 0')
})

test('each change is one line of audit: who, what, how much', async () => {
  const lines: Record<string, unknown>[] = []
  const log = createLogger('info', { write: (line) => void lines.push(JSON.parse(line)) })
  const admission = { caller: 'user:ann', may: () => true, maySee: () => true }
  const registry = await testRegistry({ log, authorize: async () => admission })
  const { digest } = await pushBlob(registry, 'a', 'hello')
  await registry.request('POST', `/v2/b/blobs/uploads/?mount=${digest}&from=a`)
  const image = await pushImage(registry, 'a', 'v1')
  await registry.request('GET', '/v2/a/manifests/v1')
  await registry.request('DELETE', '/v2/a/manifests/v1')
  await registry.request('DELETE', `/v2/a/manifests/${image.digest}`)
  await registry.request('DELETE', `/v2/b/blobs/${digest}`)
  await registry.request('DELETE', `/v2/b/blobs/${digest}`)

  const audit = lines.filter(({ msg }) => msg === 'audit')
  expect(audit.map((line) => line['audit'])).toEqual([
    'blob stored',
    'blob mounted',
    'blob stored',
    'blob stored',
    'manifest stored',
    'tag removed',
    'manifest removed',
    'blob removed',
  ])
  expect(audit[0]).toMatchObject({ caller: 'user:ann', repository: 'a', digest, bytes: 5, ms: expect.any(Number) })
  expect(audit[1]).toMatchObject({ repository: 'b', digest, from: 'a' })
  expect(audit[4]).toMatchObject({ digest: image.digest, tags: ['v1'], bytes: image.size })
})
