import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { DispatcherState } from '../../src/dispatcher/dispatcher-state.ts'
import { NOTIFY_BACKOFF, type NotifyDeps, notify } from '../../src/dispatcher/notify.ts'
import { runPaths } from '../../src/dispatcher/paths.ts'
import type { Notice } from '../../src/dispatcher/screen.ts'
import { AppError } from '../../src/shared/errors.ts'
import type { Command } from '../../src/shared/exec.ts'
import type { JobFile } from '../../src/shared/task/job-file.ts'
import { JOB } from './task-medium.ts'

const never = new AbortController().signal

let at: string
let server: Server
let answers: number[]
let logAnswers: number[]
let posts: { path: string; secret: unknown; body: string }[]
let said: string[]
let titles: string[]
let deps: NotifyDeps

beforeEach(async () => {
  answers = []
  logAnswers = []
  posts = []
  said = []
  titles = []
  server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text) => {
      body += text
    })
    request.on('end', () => {
      posts.push({ path: request.url ?? '', secret: request.headers['x-webhook-secret'], body })
      response.writeHead((request.url?.includes('webhook') ? answers : logAnswers).shift() ?? 200).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const job: JobFile = {
    ...JOB,
    controller: { url, ca_pem: null },
    webhook: { ...JOB.webhook, url: `${url}/api/v1/status-webhook/SN123` },
  }
  at = await mkdtemp(join(tmpdir(), 'notify-'))
  const paths = runPaths(at)
  await mkdir(paths.task)
  await mkdir(paths.state)
  await writeFile(join(paths.task, 'job.json'), JSON.stringify(job))
  await dispatched({ status: 'handed-over', task_target: 'install-linux.target' })
  deps = {
    paths,
    programs: { run: async () => undefined, read: answerOf, feed: async () => undefined },
    networkDirectory: join(at, 'network'),
    say: (line) => void said.push(line),
    screen: async ({ title }) => void titles.push(title),
    clock: { now: () => new Date('2026-01-02T03:04:05Z') },
    monitorUnit: undefined,
    backoff: { firstMs: 1, maxMs: 2, attempts: Number.POSITIVE_INFINITY },
  }
})

afterEach(async () => {
  vi.restoreAllMocks()
  server.closeAllConnections()
  server.close()
  await rm(at, { recursive: true, force: true })
})

/** A machine on which image-linux failed. */
async function answerOf({ argv }: Command): Promise<string> {
  const line = argv.join(' ')
  if (line.includes('list-dependencies')) return 'install-linux.target\n  partition.service\n  image-linux.service\n'
  if (line.includes('--property=Result')) return 'Result=exit-code\nExecMainStatus=1\nTimeoutStartUSec=1h 30min\n'
  if (line.includes('systemctl show')) {
    return 'Id=partition.service\nActiveState=active\nExecMainExitTimestampMonotonic=5\n\nId=image-linux.service\nActiveState=failed\nExecMainExitTimestampMonotonic=9\n'
  }
  if (line.includes('--unit=image-linux.service')) return 'password hush-registry refused\nMain process exited\n'
  return 'journal with hush-webhook in it\n'
}

function dispatched(state: Partial<DispatcherState>) {
  const full = { exit_code: 0, started_at: '2026-01-02T03:00:00Z', protected_devices: [], ...state }
  return writeFile(join(at, 'state/dispatcher.json'), JSON.stringify(full))
}

const webhooks = () => posts.filter(({ path }) => path.includes('webhook')).map(({ body }) => JSON.parse(body))

test('success is one report with the secret of the job, after the logs', async () => {
  await notify('success', deps, never)
  expect(posts.map(({ path }) => path)).toEqual([`/api/v1/jobs/${JOB.job_id}/logs`, '/api/v1/status-webhook/SN123'])
  expect(posts.map(({ secret }) => secret)).toEqual(['hush-webhook', 'hush-webhook'])
  expect(webhooks()[0]).toMatchObject({
    status: 'success',
    job_id: JOB.job_id,
    task_target: 'install-linux.target',
    started_at: '2026-01-02T03:00:00Z',
    finished_at: '2026-01-02T03:04:05.000Z',
  })
  expect(webhooks()[0]).not.toHaveProperty('failed_step')
})

test('failure names the unit that failed and its last lines, and no secret is in any of it', async () => {
  await notify('failed', deps, never)
  expect(webhooks()).toMatchObject([
    {
      status: 'failed',
      failed_step: 'image-linux.service',
      message: 'image-linux.service failed with exit code 1\npassword [redacted] refused\nMain process exited',
    },
  ])
  expect(posts[0]?.body).toContain('journal with [redacted] in it')
  expect(JSON.stringify(posts.map(({ body }) => body))).not.toContain('hush')
  expect(said.join('\n')).not.toContain('hush')
})

test('a failed dispatcher is the failed step, with its own words', async () => {
  await dispatched({ status: 'failed', exit_code: 14, message: 'Cannot use the recipe: it has one problem' })
  await notify('failed', deps, never)
  expect(webhooks()).toMatchObject([
    { failed_step: 'provision-dispatcher.service', message: 'Cannot use the recipe: it has one problem' },
  ])
})

test('the screen has the outcome, and says so when the controller cannot be told for long', async () => {
  await notify('failed', deps, never)
  expect(titles).toEqual(['PROVISIONING FAILED in image-linux.service'])
  await rm(join(at, 'state'), { recursive: true })
  await mkdir(join(at, 'state'))
  answers = [503, 503, 503, 503, 503, 503]
  await notify('success', deps, never)
  expect(titles.slice(1)).toEqual([
    'PROVISIONING SUCCEEDED',
    'PROVISIONING SUCCEEDED, and the controller cannot be told',
  ])
})

test('the first outcome stands, whatever comes later', async () => {
  await notify('failed', deps, never)
  await notify('success', deps, never)
  await notify('failed', deps, never)
  expect(webhooks()).toHaveLength(1)
  expect(said).toContain('the outcome is "failed" already, "success" is not sent')
  expect(said).toContain('"failed" was delivered already')
})

test('two at the same time send one outcome', async () => {
  await Promise.all([notify('failed', deps, never), notify('success', deps, never)])
  expect(new Set(webhooks().map(({ status }) => status)).size).toBe(1)
})

test('it is sent again until the controller takes it, always as the same delivery', async () => {
  answers = [503, 401, 500]
  await notify('success', deps, never)
  expect(webhooks()).toHaveLength(4)
  expect(new Set(webhooks().map(({ delivery_id: id }) => id)).size).toBe(1)
  expect(said).toContain(
    `attempt 1: Cannot report to ${new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`).origin}: it answered 503`,
  )
})

test('a controller that is away for more than an hour is told, asked at least once a minute and not much more often', async () => {
  let now = 0
  let asked = 0
  const gaps: number[] = []
  const pause = async (ms: number) => {
    gaps.push(ms)
    asked += 1
    now += ms
    // Answers are taken from the front; without any it is 200.
    if (now < 70 * 60_000) answers = [503]
  }
  answers = [503]
  await notify('success', { ...deps, backoff: NOTIFY_BACKOFF, pause }, never)
  expect(now).toBeGreaterThan(70 * 60_000)
  expect(Math.max(...gaps)).toBeLessThanOrEqual(60_000)
  expect(webhooks()).toHaveLength(asked + 1)
  expect(asked).toBeLessThan(160)
  expect(new Set(webhooks().map(({ delivery_id: id }) => id)).size).toBe(1)
})

test('a controller that is away for six hours is what the reporter fails with, and no bug', async () => {
  const over = new AbortController()
  const timeout = AbortSignal.timeout.bind(AbortSignal)
  vi.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => (ms === 6 * 3600_000 ? over.signal : timeout(ms)))
  let now = 0
  const pause = async (ms: number, signal?: AbortSignal) => {
    now += ms
    answers = [503]
    if (now >= 6 * 3600_000) over.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'))
    signal?.throwIfAborted()
  }
  answers = [503]
  const notified = notify('success', { ...deps, backoff: NOTIFY_BACKOFF, pause }, never)
  await expect(notified).rejects.toMatchObject({ code: 'controller-unreachable' })
})

test('a reporter that was killed before it delivered sends the same report when it is started again', async () => {
  const stop = new AbortController()
  answers = [503, 503, 503]
  const say = (line: string) => void (line.startsWith('attempt 3') && stop.abort(new AppError('job-failed', 'killed')))
  await expect(notify('failed', { ...deps, say }, stop.signal)).rejects.toThrow()
  await notify('failed', deps, never)
  expect(webhooks()).toHaveLength(4)
  expect(new Set(webhooks().map(({ delivery_id: id }) => id)).size).toBe(1)
  expect(await readFile(join(at, 'state/final.sent'), 'utf8')).toContain('2026')
})

test('systemctl and journalctl that fail do not keep the report back', async () => {
  const read = () => Promise.reject(new AppError('program-failed', 'Cannot finish "systemctl"'))
  await notify('failed', { ...deps, programs: { ...deps.programs, read }, monitorUnit: 'partition.service' }, never)
  expect(webhooks()).toMatchObject([{ failed_step: 'partition.service', message: '' }])
})

test('a failure is told although nothing can be kept of it, a success is not: it might not be the first outcome', async () => {
  await rm(join(at, 'state'), { recursive: true })
  await writeFile(join(at, 'state'), 'no directory')
  await expect(notify('success', deps, never)).rejects.toMatchObject({ code: 'outputs-unwritable' })
  await notify('failed', deps, never)
  expect(webhooks()).toMatchObject([{ status: 'failed', failed_step: 'provision-dispatcher.service' }])
  expect(said.join('\n')).toContain('Cannot claim the outcome')
})

test('of twenty long lines how the unit ended is in what the controller keeps, the last 8 KiB', async () => {
  const read = async (command: Command) =>
    command.argv.includes('--unit=image-linux.service') ? `${'x'.repeat(900)}\n`.repeat(20) : answerOf(command)
  await notify('failed', { ...deps, programs: { ...deps.programs, read } }, never)
  const kept: string = webhooks()[0].message.slice(-8 * 1024)
  expect(kept).toMatch(/^image-linux.service failed with exit code 1\n/)
})

test('of a dispatcher that its time limit ended the report says so', async () => {
  await dispatched({ status: 'failed', exit_code: 20, message: 'Cannot go on: stopped by SIGTERM' })
  const read = async () => 'Result=timeout\nExecMainStatus=20\nTimeoutStartUSec=5min\n'
  await notify('failed', { ...deps, programs: { ...deps.programs, read } }, never)
  expect(webhooks()[0].message).toBe(
    'provision-dispatcher.service was ended: it took longer than its limit of 5min\nCannot go on: stopped by SIGTERM',
  )
})

test('where the dispatcher was killed the report makes the network of the job, and otherwise finds it made', async () => {
  const network = { mac: '52:54:00:12:34:56', addresses: ['192.0.2.17/24'], gateway: null, dns: [] }
  const file = join(at, 'task/job.json')
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), network }))
  const ran: [string, number][] = []
  const run = async ({ argv }: Command) => void ran.push([argv.join(' '), posts.length])
  const programs = { ...deps.programs, run }
  await notify('failed', { ...deps, programs }, never)
  expect(ran).toEqual([])
  posts = []
  await rm(join(at, 'state'), { recursive: true })
  await notify('failed', { ...deps, programs }, never)
  expect(ran).toEqual([['networkctl reload', 0]])
  expect(await readFile(join(at, 'network/10-provision.network'), 'utf8')).toContain('Address=192.0.2.17/24')
  expect(webhooks()).toHaveLength(1)
})

test('without a task there is nobody to tell, and that is no error to repeat', async () => {
  await rm(join(at, 'task'), { recursive: true })
  await notify('failed', deps, never)
  expect(posts).toEqual([])
  expect(said.join('\n')).toContain('there is nobody to report to')
})

test.for<[string, string, boolean, string[]]>([
  ['was killed', 'Result=signal\nExecMainStatus=9\n', false, ['was killed by SIGKILL']],
  ['took too long', 'Result=timeout\nTimeoutStartUSec=5min\n', false, ['it took longer than its limit of 5min']],
  ['could not be started', 'Result=exit-code\nExecMainStatus=127\n', false, ['failed with exit code 127']],
  ['gave up, and could not even keep why', 'Result=exit-code\nExecMainStatus=17\n', false, []],
  ['gave up', 'Result=exit-code\nExecMainStatus=10\n', true, []],
])(
  'without a task, of a dispatcher that %s the screen says what it did not say itself',
  async ([, ending, kept, why]) => {
    await rm(join(at, 'task'), { recursive: true })
    if (kept) await dispatched({ status: 'failed', exit_code: 10, message: 'Cannot find a task medium' })
    else await rm(join(at, 'state'), { recursive: true })
    const seen: Notice[] = []
    const screen = async (notice: Notice) => void seen.push(notice)
    await notify('failed', { ...deps, screen, programs: { ...deps.programs, read: async () => ending } }, never)
    expect(seen.map(({ facts }) => facts[0]?.[1])).toEqual(why.map((words) => expect.stringContaining(words)))
    for (const { title } of seen) expect(title).toMatch(/FAILED: no step was started/)
  },
)

const paths = () => posts.map(({ path }) => path.split('/').at(path.includes('webhook') ? -2 : -1))
const soon = { pause: async () => undefined }

test('the journal is sent again until it is taken, and before the outcome', async () => {
  logAnswers = [503, 503]
  await notify('failed', { ...deps, ...soon }, never)
  expect(paths()).toEqual(['logs', 'logs', 'logs', 'status-webhook'])
})

test('a journal that was not taken for long is sent once the outcome was, and one that is refused is not insisted on', async () => {
  logAnswers = Array.from({ length: 8 }, () => 503)
  await notify('failed', { ...deps, ...soon }, never)
  expect(paths()).toEqual([...Array.from({ length: 8 }, () => 'logs'), 'status-webhook', 'logs'])
  posts = []
  await rm(join(at, 'state'), { recursive: true })
  await mkdir(join(at, 'state'))
  logAnswers = [404, 404]
  await notify('success', { ...deps, ...soon }, never)
  expect(paths()).toEqual(['logs', 'status-webhook', 'logs'])
})

test('a reporter that is stopped at the logs, after the outcome was taken, is done: the controller switches off then', async () => {
  const stop = new AbortController()
  logAnswers = Array.from({ length: 8 }, () => 503)
  server.on('request', ({ url }) => {
    if (url?.endsWith('/logs') && webhooks().length > 0) stop.abort(new AppError('job-failed', 'stopped'))
  })
  await notify('failed', { ...deps, ...soon }, stop.signal)
  expect(stop.signal.aborted).toBe(true)
  expect(await readFile(join(at, 'state/final.sent'), 'utf8')).toContain('2026')
  expect(said).toContain('delivered')
})

test('the journal is read once, however often it is sent', async () => {
  logAnswers = [503, 503]
  const asked: string[] = []
  const read = async (command: Command) => {
    asked.push(command.argv[0])
    return answerOf(command)
  }
  await notify('success', { ...deps, ...soon, programs: { ...deps.programs, read } }, never)
  expect(paths()).toEqual(['logs', 'logs', 'logs', 'status-webhook'])
  expect(asked.filter((program) => program === 'journalctl')).toHaveLength(1)
})

test('the screen has the outcome before anything is sent: the network may be what is missing', async () => {
  let shown = -1
  const screen = async () => {
    shown = posts.length
  }
  await notify('failed', { ...deps, screen }, never)
  expect(shown).toBe(0)
})

test('of a dispatcher that found a thousand problems as much is sent as the controller takes', async () => {
  const message = ['Cannot use the recipe: it has 1000 problems', 'x'.repeat(100_000)].join('\n')
  await dispatched({ status: 'failed', exit_code: 14, message })
  await notify('failed', deps, never)
  expect(webhooks()[0].message).toMatch(/^Cannot use the recipe: it has 1000 problems\nx{7000}/)
  expect(posts.at(-1)?.body.length).toBeLessThan(8 * 1024)
})
