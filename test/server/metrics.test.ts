import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createControllerMetrics } from '../../src/server/metrics.ts'
import { CONTROLLER_METRICS } from '../../src/server/metrics-table.ts'
import { openDatabase } from '../../src/server/store/database.ts'
import { createHistogram } from '../../src/shared/meters.ts'
import type { Api } from './support/api-in-process.ts'
import { openApi } from './support/api-in-process.ts'
import { LINUX_RECIPE } from './support/recipe.ts'
import { sampleJob } from './support/sample-job.ts'

let api: Api

beforeEach(async () => {
  api = await openApi()
})

afterEach(() => api.close())

test('docs/metrics.md documents exactly the metrics in the table, with their types and labels', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/metrics.md'), 'utf8').split('## Registry')[0] ?? ''
  const rows = [...page.matchAll(/^\| `(\w+)` \| (\w+) \|([^|]*)\|/gm)]
  const documented = rows.map(([, name, type, labels = '']) => [name, type, labels.replaceAll(/[` ]/g, '')])
  const table = Object.entries(CONTROLLER_METRICS).map(([name, { type, labels }]) => [name, type, labels.join(',')])
  expect(documented).toEqual(table)
})

test('/metrics is for callers with a token of any role', async () => {
  expect((await api.app.request('/metrics')).status).toBe(401)
  const answer = await api.app.request('/metrics', { headers: { authorization: `Bearer ${api.reader}` } })
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  const text = await answer.text()
  for (const metric of Object.keys(CONTROLLER_METRICS)) expect(text).toContain(`# TYPE ${metric} `)
  expect(text).toMatch(/^provisioner_build_info\{version="\d+\.\d+\.\d+",build="sources"\} 1$/m)
  expect(text).toMatch(/^process_resident_memory_bytes [1-9]\d{6,}$/m)
})

test('requests are counted by the pattern of their route; ids, tokens and unknown paths make no series', async () => {
  const server = { serial: 'SN1', bmc_url: 'https://192.0.2.7', bmc_username: 'u', bmc_password: 'p' }
  await api.call('POST', '/api/v1/servers', server)
  await api.call('POST', '/api/v1/jobs', { server_serial: 'SN1', recipe: LINUX_RECIPE })
  await api.call('GET', '/api/v1/jobs/01A')
  await api.call('GET', '/api/v1/jobs/01B')
  await api.call('GET', '/wp-login.php')
  const text = await (await api.call('GET', '/metrics')).text()
  expect(text).toContain('provisioner_requests_total{route="/api/v1/jobs",method="POST",status="202"} 1\n')
  expect(text).toContain('provisioner_requests_total{route="/api/v1/jobs/:id",method="GET",status="404"} 2\n')
  expect(text).toContain('provisioner_requests_total{route="none",method="GET",status="404"} 1\n')
  expect(text).toContain('provisioner_request_seconds_count{route="/api/v1/jobs/:id"} 2\n')
  expect(text).toContain('provisioner_requests_in_flight 1\n')
  expect(text).toContain('provisioner_jobs{status="queued",phase=""} 1\n')
  expect(text).not.toContain('01A')
})

test('jobs count when they end, BMCs by vendor, media as they are read', async () => {
  const metrics = createControllerMetrics()
  const times = { createdAt: new Date(0), updatedAt: new Date(90_000) }
  metrics.jobChanged(sampleJob({ status: 'failed', outcome: 'failed', ...times }))
  metrics.jobChanged(sampleJob({ status: 'complete', outcome: 'failed', ...times }))
  metrics.bmcRequest({ vendor: 'dell', method: 'GET', status: 200, ms: 200 })
  metrics.bmcRequest({ vendor: 'dell', method: 'GET', status: undefined, ms: 60_000 })
  async function* read() {
    yield new Uint8Array(100)
    yield new Uint8Array(50)
  }
  const medium = metrics.counted({ size: 150, etag: '"x"', read }, 'task')
  for await (const piece of medium.read(0, 150, new AbortController().signal)) if (piece.length === 50) break
  const db = openDatabase(':memory:')
  const text = metrics.text(db)
  db.close()
  metrics.close()
  expect(text).toContain('provisioner_jobs_ended_total{outcome="failed"} 1\n')
  expect(text).toContain('provisioner_job_seconds_bucket{outcome="failed",le="60"} 0\n')
  expect(text).toContain('provisioner_job_seconds_bucket{outcome="failed",le="300"} 1\n')
  expect(text).toContain('provisioner_redfish_requests_total{vendor="dell",method="GET",status="none"} 1\n')
  expect(text).toContain('provisioner_redfish_request_seconds_sum{vendor="dell"} 60.2\n')
  expect(text).toContain('provisioner_media_read_bytes_total{medium="task"} 150\n')
})

test('a series that a stranger could multiply ends at a limit', () => {
  const histogram = createHistogram('x', [1])
  for (let index = 0; index < 3_000; index++) histogram.observe({ name: `n${index}` }, 1)
  expect(histogram.samples().length).toBe(2_000 * 4)
})
