import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { NOTIFY_BACKOFF, notify } from '../../src/dispatcher/notify.ts'
import type { Notice } from '../../src/dispatcher/screen.ts'
import { AppError } from '../../src/shared/errors.ts'
import type { Command } from '../../src/shared/exec.ts'
import { answerOf, reporting } from './reporting.ts'
import { JOB } from './task-medium.ts'

const never = new AbortController().signal
const lab = reporting()

test('success is one report with the secret of the job, after the logs', async () => {
  await notify('success', lab.deps, never)
  expect(lab.posts.map(({ path }) => path)).toEqual([`/api/v1/jobs/${JOB.job_id}/logs`, '/api/v1/status-webhook/SN123'])
  expect(lab.posts.map(({ secret }) => secret)).toEqual(['hush-webhook', 'hush-webhook'])
  expect(lab.webhooks()[0]).toMatchObject({
    status: 'success',
    job_id: JOB.job_id,
    task_target: 'install-linux.target',
    started_at: '2026-01-02T03:00:00Z',
    finished_at: '2026-01-02T03:04:05.000Z',
  })
  expect(lab.webhooks()[0]).not.toHaveProperty('failed_step')
})

test('failure names the unit that failed and its last lines, and no secret is in any of it', async () => {
  await notify('failed', lab.deps, never)
  expect(lab.webhooks()).toMatchObject([
    {
      status: 'failed',
      failed_step: 'image-linux.service',
      message: 'image-linux.service failed with exit code 1\npassword [redacted] refused\nMain process exited',
    },
  ])
  expect(lab.posts[0]?.body).toContain('journal with [redacted] in it')
  expect(JSON.stringify(lab.posts.map(({ body }) => body))).not.toContain('hush')
  expect(lab.said.join('\n')).not.toContain('hush')
})

test('a failed dispatcher is the failed step, with its own words', async () => {
  await lab.dispatched({ status: 'failed', exit_code: 14, message: 'Cannot use the recipe: it has one problem' })
  await notify('failed', lab.deps, never)
  expect(lab.webhooks()).toMatchObject([
    { failed_step: 'provision-dispatcher.service', message: 'Cannot use the recipe: it has one problem' },
  ])
})

test('the screen has the outcome, and says so when the controller cannot be told for long', async () => {
  await notify('failed', lab.deps, never)
  expect(lab.titles).toEqual(['PROVISIONING FAILED in image-linux.service'])
  await rm(join(lab.at, 'state'), { recursive: true })
  await mkdir(join(lab.at, 'state'))
  lab.answers = [503, 503, 503, 503, 503, 503]
  await notify('success', lab.deps, never)
  expect(lab.titles.slice(1)).toEqual([
    'PROVISIONING SUCCEEDED',
    'PROVISIONING SUCCEEDED, and the controller cannot be told',
  ])
})

test('the first outcome stands, whatever comes later', async () => {
  await notify('failed', lab.deps, never)
  await notify('success', lab.deps, never)
  await notify('failed', lab.deps, never)
  expect(lab.webhooks()).toHaveLength(1)
  expect(lab.said).toContain('the outcome is "failed" already, "success" is not sent')
  expect(lab.said).toContain('"failed" was delivered already')
})

test('two at the same time send one outcome', async () => {
  await Promise.all([notify('failed', lab.deps, never), notify('success', lab.deps, never)])
  expect(new Set(lab.webhooks().map(({ status }) => status)).size).toBe(1)
})

test('it is sent again until the controller takes it, always as the same delivery', async () => {
  lab.answers = [503, 401, 500]
  await notify('success', lab.deps, never)
  expect(lab.webhooks()).toHaveLength(4)
  expect(new Set(lab.webhooks().map(({ delivery_id: id }) => id)).size).toBe(1)
  expect(lab.said).toContain(
    `attempt 1: Cannot report to ${new URL(`http://127.0.0.1:${(lab.server.address() as AddressInfo).port}`).origin}: it answered 503`,
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
    if (now < 70 * 60_000) lab.answers = [503]
  }
  lab.answers = [503]
  await notify('success', { ...lab.deps, backoff: NOTIFY_BACKOFF, pause }, never)
  expect(now).toBeGreaterThan(70 * 60_000)
  expect(Math.max(...gaps)).toBeLessThanOrEqual(60_000)
  expect(lab.webhooks()).toHaveLength(asked + 1)
  expect(asked).toBeLessThan(160)
  expect(new Set(lab.webhooks().map(({ delivery_id: id }) => id)).size).toBe(1)
})

test('a controller that is away for six hours is what the reporter fails with, and no bug', async () => {
  const over = new AbortController()
  const timeout = AbortSignal.timeout.bind(AbortSignal)
  vi.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => (ms === 6 * 3600_000 ? over.signal : timeout(ms)))
  let now = 0
  const pause = async (ms: number, signal?: AbortSignal) => {
    now += ms
    lab.answers = [503]
    if (now >= 6 * 3600_000) over.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'))
    signal?.throwIfAborted()
  }
  lab.answers = [503]
  const notified = notify('success', { ...lab.deps, backoff: NOTIFY_BACKOFF, pause }, never)
  await expect(notified).rejects.toMatchObject({ code: 'controller-unreachable' })
})

test('a reporter that was killed before it delivered sends the same report when it is started again', async () => {
  const stop = new AbortController()
  lab.answers = [503, 503, 503]
  const say = (line: string) => void (line.startsWith('attempt 3') && stop.abort(new AppError('job-failed', 'killed')))
  await expect(notify('failed', { ...lab.deps, say }, stop.signal)).rejects.toThrow()
  await notify('failed', lab.deps, never)
  expect(lab.webhooks()).toHaveLength(4)
  expect(new Set(lab.webhooks().map(({ delivery_id: id }) => id)).size).toBe(1)
  expect(await readFile(join(lab.at, 'state/final.sent'), 'utf8')).toContain('2026')
})

test('systemctl and journalctl that fail do not keep the report back', async () => {
  const read = () => Promise.reject(new AppError('program-failed', 'Cannot finish "systemctl"'))
  await notify(
    'failed',
    { ...lab.deps, programs: { ...lab.deps.programs, read }, monitorUnit: 'partition.service' },
    never,
  )
  expect(lab.webhooks()).toMatchObject([{ failed_step: 'partition.service', message: '' }])
})

test('a failure is told although nothing can be kept of it, a success is not: it might not be the first outcome', async () => {
  await rm(join(lab.at, 'state'), { recursive: true })
  await writeFile(join(lab.at, 'state'), 'no directory')
  await expect(notify('success', lab.deps, never)).rejects.toMatchObject({ code: 'outputs-unwritable' })
  await notify('failed', lab.deps, never)
  expect(lab.webhooks()).toMatchObject([{ status: 'failed', failed_step: 'provision-dispatcher.service' }])
  expect(lab.said.join('\n')).toContain('Cannot claim the outcome')
})

test('of twenty long lines how the unit ended is in what the controller keeps, the last 8 KiB', async () => {
  const read = async (command: Command) =>
    command.argv.includes('--unit=image-linux.service') ? `${'x'.repeat(900)}\n`.repeat(20) : answerOf(command)
  await notify('failed', { ...lab.deps, programs: { ...lab.deps.programs, read } }, never)
  const kept: string = lab.webhooks()[0].message.slice(-8 * 1024)
  expect(kept).toMatch(/^image-linux.service failed with exit code 1\n/)
})

test('of a dispatcher that its time limit ended the report says so', async () => {
  await lab.dispatched({ status: 'failed', exit_code: 20, message: 'Cannot go on: stopped by SIGTERM' })
  const read = async () => 'Result=timeout\nExecMainStatus=20\nTimeoutStartUSec=5min\n'
  await notify('failed', { ...lab.deps, programs: { ...lab.deps.programs, read } }, never)
  expect(lab.webhooks()[0].message).toBe(
    'provision-dispatcher.service was ended: it took longer than its limit of 5min\nCannot go on: stopped by SIGTERM',
  )
})

test('where the dispatcher was killed the report makes the network of the job, and otherwise finds it made', async () => {
  const network = { mac: '52:54:00:12:34:56', addresses: ['192.0.2.17/24'], gateway: null, dns: [] }
  const file = join(lab.at, 'task/job.json')
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), network }))
  const ran: [string, number][] = []
  const run = async ({ argv }: Command) => void ran.push([argv.join(' '), lab.posts.length])
  const programs = { ...lab.deps.programs, run }
  await notify('failed', { ...lab.deps, programs }, never)
  expect(ran).toEqual([])
  lab.posts = []
  await rm(join(lab.at, 'state'), { recursive: true })
  await notify('failed', { ...lab.deps, programs }, never)
  expect(ran).toEqual([['networkctl reload', 0]])
  expect(await readFile(join(lab.at, 'network/10-provision.network'), 'utf8')).toContain('Address=192.0.2.17/24')
  expect(lab.webhooks()).toHaveLength(1)
})

test('without a task there is nobody to tell, and that is no error to repeat', async () => {
  await rm(join(lab.at, 'task'), { recursive: true })
  await notify('failed', lab.deps, never)
  expect(lab.posts).toEqual([])
  expect(lab.said.join('\n')).toContain('there is nobody to report to')
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
    await rm(join(lab.at, 'task'), { recursive: true })
    if (kept) await lab.dispatched({ status: 'failed', exit_code: 10, message: 'Cannot find a task medium' })
    else await rm(join(lab.at, 'state'), { recursive: true })
    const seen: Notice[] = []
    const screen = async (notice: Notice) => void seen.push(notice)
    await notify('failed', { ...lab.deps, screen, programs: { ...lab.deps.programs, read: async () => ending } }, never)
    expect(seen.map(({ facts }) => facts[0]?.[1])).toEqual(why.map((words) => expect.stringContaining(words)))
    for (const { title } of seen) expect(title).toMatch(/FAILED: no step was started/)
  },
)

test('the screen has the outcome before anything is sent: the network may be what is missing', async () => {
  let shown = -1
  const screen = async () => {
    shown = lab.posts.length
  }
  await notify('failed', { ...lab.deps, screen }, never)
  expect(shown).toBe(0)
})

test('of a dispatcher that found a thousand problems as much is sent as the controller takes', async () => {
  const message = ['Cannot use the recipe: it has 1000 problems', 'x'.repeat(100_000)].join('\n')
  await lab.dispatched({ status: 'failed', exit_code: 14, message })
  await notify('failed', lab.deps, never)
  expect(lab.webhooks()[0].message).toMatch(/^Cannot use the recipe: it has 1000 problems\nx{7000}/)
  expect(lab.posts.at(-1)?.body.length).toBeLessThan(8 * 1024)
})
