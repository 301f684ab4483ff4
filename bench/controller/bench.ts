import { rm, writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { bytesSource } from '../../src/isobuilder/source.ts'
import { imageOf } from '../../test/isobuilder/image-bytes.ts'
import { labScratch } from '../../test/lab/cache.ts'
import { LINUX_RECIPE } from '../../test/server/support/recipe.ts'
import { cpuSeconds, peakResidentMB } from '../registry/process.ts'
import { openApi, percentile } from './api.ts'
import { ACCOUNT, type Effects } from './bmcs.ts'
import { startClients } from './clients.ts'
import type { Controller } from './controller.ts'
import { startBmcs, startController } from './controller.ts'
import type { Answers } from './meters.ts'
import { metersOf } from './meters.ts'
import { seedOldJobs } from './seed.ts'

/*
 * npm run bench:controller [-- --servers N --jobs N --old N --clients N --step MS --minutes N --executable FILE]: a real controller
 * process, every BMC and the machine behind it in a second one, clients in this one. Exit 1 when an effect was lost or
 * doubled, or a goal is not reached.
 */

const { values } = parseArgs({
  options: {
    servers: { type: 'string', default: '10000' },
    jobs: { type: 'string', default: '1000' },
    old: { type: 'string', default: '100000' },
    clients: { type: 'string', default: '50' },
    step: { type: 'string', default: '2000' },
    minutes: { type: 'string', default: '30' },
    executable: { type: 'string' },
  },
})
const count = { servers: Number(values.servers), jobs: Number(values.jobs), clients: Number(values.clients) }
const AT_ONCE = 50

interface Row {
  readonly what: string
  readonly measured: string
  readonly goal: string
  readonly reached: boolean
}

const rows: Row[] = []
const row = (what: string, measured: string, goal = '', reached = true) => rows.push({ what, measured, goal, reached })

const directory = await labScratch('bench-controller')
const iso = join(directory, 'maintenance.iso')
const serials = Array.from({ length: count.servers }, (_, index) => `SN-${index}`)
const busy = serials.slice(0, count.jobs)
const bmcs = startBmcs()
let started: Controller | undefined
try {
  await prepare()
  started = await startController(directory, iso, values.executable)
  await measure(started)
} finally {
  bmcs.close()
  await started?.close()
  await rm(directory, { recursive: true, force: true })
}
console.log('| | measured | goal |\n|---|---|---|')
for (const { what, measured, goal, reached } of rows) {
  console.log(`| ${what} | ${measured} | ${goal === '' ? '' : `${goal}: ${reached ? 'yes' : 'NO'}`} |`)
}
process.exit(rows.every(({ reached }) => reached) ? 0 : 1)

async function measure(controller: Controller): Promise<void> {
  await registerServers(controller)
  const jobs = await createJobs(controller)
  await watch(controller, jobs)
  check(await bmcs.summary(busy), jobs)
}

async function prepare(): Promise<void> {
  const boot = bytesSource(Buffer.alloc(1_000_000, 'boot'))
  await writeFile(iso, await imageOf([{ path: 'boot.bin', source: boot }], 'MAINTENANCE'))
  await (await startController(directory, iso, values.executable)).close()
  seedOldJobs(join(directory, 'data', 'controller.db'), Number(values.old), serials, new Date())
}

async function registerServers(controller: Controller): Promise<void> {
  const urls = await bmcs.start(busy, Number(values.step))
  const api = openApi(controller.url, controller.token, () => undefined)
  const begun = performance.now()
  await inParallel(serials, async (serial, index) => {
    const bmc = {
      bmc_url: urls[index] ?? 'http://192.0.2.7',
      bmc_username: ACCOUNT.username,
      bmc_password: ACCOUNT.password,
    }
    const { status } = await patiently(() => api.call('POST', '/api/v1/servers', { serial, ...bmc }))
    if (status !== 201) throw new Error(`a server is refused: ${status}`)
  })
  api.close()
  row('servers registered', `${count.servers}, ${perSecond(count.servers, begun)}/s`)
}

async function createJobs(controller: Controller): Promise<readonly string[]> {
  const times: number[] = []
  const api = openApi(controller.url, controller.token, (time) => times.push(time))
  const begun = performance.now()
  const ids: string[] = []
  await inParallel(busy, async (serial) => {
    const order = { server_serial: serial, recipe: LINUX_RECIPE }
    const { status, body } = await patiently(() => api.call<{ job_id: string }>('POST', '/api/v1/jobs', order))
    if (status !== 202) throw new Error(`a job is refused: ${status}`)
    ids.push(body.job_id)
  })
  const rate = perSecond(count.jobs, begun)
  api.close()
  row(
    'jobs accepted, each on disk',
    `${rate}/s, p99 ${percentile(times, 0.99).toFixed(0)} ms`,
    'at least 50/s',
    rate >= 50,
  )
  return ids
}

async function watch(controller: Controller, jobs: readonly string[]): Promise<void> {
  const begun = performance.now()
  const pids = { controller: controller.pid, 'BMCs and machines': bmcs.pid, clients: process.pid }
  const cpu = Object.values(pids).map(cpuSeconds)
  const clients = startClients(controller.url, controller.token, jobs, count.clients)
  const meters = metersOf(controller)
  const waited = meters.waitedForCpu()
  const before = await meters.answers()
  const delays: number[] = []
  await meters.look()
  let most = 0
  for (;;) {
    const { jobs: states, late } = await meters.look()
    delays.push(late.p99)
    most = Math.max(most, states.provisioning)
    const left = Object.values(states).reduce((sum, state) => sum + state, 0)
    if (left === 0) break
    if (performance.now() - begun > Number(values.minutes) * 60_000) {
      row('jobs that did not end in time', String(left), 'none', false)
      break
    }
    console.error(
      `${seconds(begun)} s, load ${loadavg()[0]?.toFixed(0)}: ${JSON.stringify(states)}, late ${late.p99.toFixed(0)} ms, worst ${late.worst.toFixed(0)} ms`,
    )
    await delay(5_000)
  }
  const lasted = seconds(begun)
  const after = await meters.answers()
  await clients.stop()
  const used = Object.entries(pids).map(([name, pid], index) => [name, cpuSeconds(pid) - (cpu[index] ?? 0)] as const)
  const [p50, p99] = [percentile(clients.times, 0.5), percentile(clients.times, 0.99)]
  row(`${count.jobs} jobs from start to cleanup`, `${lasted} s, up to ${most} provisioning at once`)
  const idle = meters.waitedForCpu() - waited
  for (const [name, seconds] of used)
    row(`CPU of the ${name}`, `${seconds.toFixed(1)} s, ${((seconds * 1000) / count.jobs).toFixed(0)} ms a job`)
  row('time the controller waited for a CPU that others had', `${idle.toFixed(0)} s of ${lasted} s`)
  row(
    `API, ${count.clients} clients, ${clients.times.length} requests`,
    `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
    'p99 below 50 ms',
    p99 < 50,
  )
  const share = (key: keyof Answers) =>
    `${((100 * (after[key] - before[key])) / (after.all - before.all)).toFixed(2)} %`
  row(
    "the same by the controller's own clock",
    `${share('within25')} within 25 ms, ${share('within100')} within 100 ms`,
  )
  row(
    'how late its main thread was, 99 of 100 timers, looked at every 5 s',
    `half of the looks ${percentile(delays, 0.5).toFixed(0)} ms, the worst ${Math.max(...delays).toFixed(0)} ms`,
  )
  const { events, broken, polled } = clients.streamed
  row(
    'events streamed',
    `${events}, ${broken} lost or doubled${polled > 0 ? `; ${polled} polled instead` : ''}`,
    'none lost',
    broken === 0,
  )
  row(
    'requests that failed',
    `${clients.failures.length} ${clients.failures[0] ?? ''}`,
    'none',
    clients.failures.length === 0,
  )
  const memory = peakResidentMB(controller.pid)
  row('most memory of the controller', `${memory.toFixed(0)} MB`, 'below 500 MB', memory < 500)
}

function check(effects: readonly Effects[], jobs: readonly string[]): void {
  const wrong = effects.filter(
    ({ starts, power, media, stuck }) => starts.join() !== 'cd,disk' || power !== 'on' || media > 0 || stuck,
  )
  const text = wrong.length === 0 ? '' : `: ${JSON.stringify(wrong.slice(0, 3))}`
  row(
    'servers started once from the medium and once from the disk, media out',
    `${jobs.length - wrong.length} of ${jobs.length}${text}`,
    'all',
    wrong.length === 0,
  )
  const sessions = effects.reduce((sum, { sessions: left }) => sum + left, 0)
  row('sessions left in BMCs', String(sessions), 'none', sessions === 0)
}

/** One account may change no more than 200 things a second, after a beginning. */
async function patiently<T extends { readonly status: number }>(send: () => Promise<T>): Promise<T> {
  for (;;) {
    const answer = await send()
    if (answer.status !== 429) return answer
    await delay(1_000)
  }
}

async function inParallel<T>(items: readonly T[], action: (item: T, index: number) => Promise<void>): Promise<void> {
  let next = 0
  const work = async () => {
    for (let index = next++; index < items.length; index = next++) await action(items[index] as T, index)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

function seconds(since: number): number {
  return Math.round((performance.now() - since) / 1000)
}

function perSecond(done: number, since: number): number {
  return Math.round((done * 1000) / (performance.now() - since))
}
