import { setTimeout as delay } from 'node:timers/promises'
import type { Content, Item } from './content.ts'
import { startUpload } from './content.ts'
import { curls, keepPulling, sequential, slowPullers, wrk } from './load.ts'
import { cpuSeconds, peakResidentMB, resetPeak } from './process.ts'
import type { Rival } from './servers.ts'

/** What one server does in one row: `cost` is compared (less is better), `beside` is only shown. */
export interface Measured {
  readonly cost: number
  readonly beside: string
}

export interface Row {
  readonly name: string
  readonly unit: string
  /** What ours shall reach whatever the rival does. */
  readonly goal?: { readonly text: string; readonly reached: (measured: Measured) => boolean }
  readonly writes?: true
  /** How often; the cheapest counts, since the rest of a machine makes a run slower and never faster. */
  readonly rounds: number
  readonly measure: (rival: Rival, bench: Bench) => Promise<Measured>
}

export interface Bench {
  readonly directory: string
  readonly content: Content
}

const SECONDS = 4
const CPU_GB = 'CPU s/GB'
const CPU_REQUEST = 'CPU µs/request'

export const ROWS: readonly Row[] = [
  { name: 'push 1 GiB', unit: CPU_GB, writes: true, rounds: 3, measure: push },
  { name: 'pull 1 GiB', unit: CPU_GB, rounds: 3, measure: (rival, bench) => pull(rival, bench, 1) },
  { name: '8 pulls of 1 GiB at once', unit: CPU_GB, rounds: 2, measure: (rival, bench) => pull(rival, bench, 8) },
  {
    name: '300 slow pullers',
    rounds: 1,
    unit: 'MB resident',
    goal: { text: 'at most 250 MB', reached: ({ cost }) => cost <= 250 },
    measure: slow,
  },
  {
    name: 'manifest GET by tag',
    rounds: 2,
    unit: CPU_REQUEST,
    goal: { text: 'at least 15,000 requests/s of one core', reached: ({ cost }) => 1e6 / cost >= 15_000 },
    measure: (rival, { content }) => requests(rival, () => wrk(rival.url + content.manifest.path, SECONDS)),
  },
  {
    name: 'manifest HEAD by tag',
    rounds: 2,
    unit: CPU_REQUEST,
    measure: (rival, { content }) => requests(rival, () => heads(rival, content.manifest)),
  },
  {
    name: 'blob of 16 KiB',
    rounds: 2,
    unit: CPU_REQUEST,
    measure: (rival, { content }) => requests(rival, () => wrk(rival.url + content.small.path, SECONDS)),
  },
  {
    name: 'manifest GET during 16 pulls',
    rounds: 1,
    unit: 'ms (p99)',
    goal: { text: 'p99 below 30 ms', reached: ({ cost }) => cost < 30 },
    measure: latency,
  },
]

async function push(rival: Rival, { directory, content }: Bench): Promise<Measured> {
  const { big } = content
  const target = await startUpload(rival, big)
  const args = ['--upload-file', '/bench/big', '--header', 'Expect:', target]
  return perGB(rival, big.bytes, () => curls([args], directory))
}

function pull(rival: Rival, { directory, content }: Bench, count: number): Promise<Measured> {
  const { big } = content
  const calls = Array.from({ length: count }, () => [rival.url + big.path])
  return perGB(rival, count * big.bytes, () => curls(calls, directory))
}

async function perGB({ pid }: Rival, bytes: number, run: () => Promise<number>): Promise<Measured> {
  const before = cpuSeconds(pid)
  const seconds = await run()
  return { cost: (cpuSeconds(pid) - before) / (bytes / 1e9), beside: `${Math.round(bytes / 1e6 / seconds)} MB/s` }
}

async function requests({ pid }: Rival, run: () => Promise<number>): Promise<Measured> {
  await run()
  const before = cpuSeconds(pid)
  const count = await run()
  return { cost: ((cpuSeconds(pid) - before) / count) * 1e6, beside: `${Math.round(count / SECONDS)}/s` }
}

async function heads({ port }: Rival, { path }: Item): Promise<number> {
  return (await sequential(port, { method: 'HEAD', path }, { connections: 32, seconds: SECONDS })).length
}

async function slow({ pid, port }: Rival, { content }: Bench): Promise<Measured> {
  resetPeak(pid)
  const release = await slowPullers(port, content.big.path, 300)
  const cost = peakResidentMB(pid)
  release()
  await delay(500)
  return { cost, beside: '' }
}

async function latency({ port, url }: Rival, { content }: Bench): Promise<Measured> {
  const stop = new AbortController()
  const pulling = keepPulling(url + content.big.path, 16, stop.signal)
  await delay(1000)
  const request = { method: 'GET', path: content.manifest.path }
  const times = await sequential(port, request, { connections: 1, seconds: SECONDS })
  stop.abort()
  await pulling
  times.sort((a, b) => a - b)
  const at = (part: number) => times[Math.floor(times.length * part)] ?? Number.NaN
  return { cost: at(0.99), beside: `p50 ${at(0.5).toFixed(1)} ms` }
}
