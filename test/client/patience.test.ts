import { ClientRequest, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { connectController } from '../../src/client/controller.ts'
import { post } from '../../src/dispatcher/report.ts'
import { isAppError } from '../../src/shared/errors.ts'
import type { JobFile } from '../../src/shared/task/job-file.ts'
import { retry } from '../../src/shared/time.ts'

const never = new AbortController().signal

interface Refusal {
  readonly status: number
  readonly retryAfter?: string
  readonly code?: string
}

/** Refuses with these in turn, then answers; keeps what was asked and how long the client waited. */
async function refusing(refusals: readonly Refusal[]) {
  const asked: string[] = []
  const waits: number[] = []
  const server = createServer((request, response) => {
    const refusal = refusals[asked.length]
    asked.push(`${request.method} ${request.url}`)
    if (refusal === undefined) return response.end(request.url?.endsWith('/page') ? '<html>' : '{"serial":"SN1"}')
    const headers = refusal.retryAfter === undefined ? {} : { 'retry-after': refusal.retryAfter }
    response.writeHead(refusal.status, headers)
    return response.end(
      JSON.stringify({ code: refusal.code ?? 'rate-limited', detail: 'Cannot answer: too many requests' }),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const pause = async (ms: number) => void waits.push(ms)
  return { url, asked, waits, pause }
}

function clientOf({ url, pause }: Awaited<ReturnType<typeof refusing>>) {
  return connectController({ controller: url, caPem: undefined, authorization: 'Bearer x' }, never, 5_000, pause)
}

test('a request that the controller has no time for is sent again when it says', async () => {
  const busy = await refusing([
    { status: 429, retryAfter: '3' },
    { status: 503, retryAfter: '7', code: 'queue-full' },
  ])
  expect(await clientOf(busy).post('/servers', {})).toEqual({ serial: 'SN1' })
  expect(busy.asked).toHaveLength(3)
  expect(busy.waits[0]).toBeGreaterThanOrEqual(3_000)
  expect(busy.waits[1]).toBeGreaterThanOrEqual(7_000)
  expect(Math.max(...busy.waits)).toBeLessThan(8_000)
})

test('it gives up after four times, and never waits for longer than half a minute', async () => {
  const wall = await refusing(Array.from({ length: 9 }, () => ({ status: 429, retryAfter: '86400' })))
  await expect(clientOf(wall).get('/servers')).rejects.toMatchObject({ code: 'rate-limited' })
  expect(wall.asked).toHaveLength(4)
  expect(Math.max(...wall.waits)).toBeLessThan(30_000)
})

test.for([
  { status: 503, code: 'redfish-unreachable' },
  { status: 409, retryAfter: '1', code: 'job-active' },
  { status: 429, retryAfter: 'Wed, 21 Oct 2026 07:28:00 GMT' },
])('what does not say when to come again is not sent again: %o', async (refusal) => {
  const once = await refusing([refusal])
  await expect(clientOf(once).post('/servers/SN1/power', {})).rejects.toSatisfy(isAppError)
  expect(once.asked).toHaveLength(1)
})

test('a web server that is no controller is told so', async () => {
  const page = await refusing([])
  const server = connectController({ controller: page.url, caPem: undefined, authorization: 'Bearer x' }, never)
  await expect(server.get('/page')).rejects.toThrow('is it a controller?')
})

test('a controller that asks a BMC for minutes may be silent for as long', async () => {
  const limits = vi.spyOn(ClientRequest.prototype, 'setTimeout')
  onTestFinished(() => limits.mockRestore())
  const { url } = await refusing([])
  const access = { controller: url, caPem: undefined, authorization: 'Bearer x' }
  await connectController(access, never, 240_000).post('/servers/SN1/doctor')
  expect(limits.mock.calls.map(([ms]) => ms)).toEqual([240_000])
})

test('the report of a maintenance OS waits as long as the controller asks, within its own longest wait', async () => {
  const busy = await refusing([
    { status: 429, retryAfter: '30' },
    { status: 503, retryAfter: '3600' },
  ])
  const job = { controller: { ca_pem: null }, webhook: { url: busy.url, secret: 's' } } as unknown as JobFile
  const send = () => post(job, `${busy.url}/api/v1/status-webhook/SN1`, '{}', 'application/json', never)
  const backoff = { firstMs: 1_000, maxMs: 60_000, attempts: 10 }
  await retry(send, backoff, (error) => isAppError(error, 'controller-unreachable'), never, busy.pause)
  expect(busy.asked).toHaveLength(3)
  expect(busy.waits[0]).toBeGreaterThanOrEqual(30_000)
  expect(busy.waits[1]).toBeGreaterThanOrEqual(60_000)
  expect(busy.waits[1]).toBeLessThan(62_000)
})
