import { expect, test } from 'vitest'
import type { Controller } from '../../src/client/controller.ts'
import type { Io } from '../../src/commands/command.ts'
import { watchJob } from '../../src/commands/watch.ts'
import type { JobView } from '../../src/server/routes/views.ts'
import { AppError } from '../../src/shared/errors.ts'

const AT = '2026-01-02T03:04:05.000Z'

function jobWith(change: Partial<JobView>): JobView {
  return {
    job_id: '01K',
    server_serial: 'SN1',
    status: 'complete',
    phase: 'cleaning-up',
    outcome: 'success',
    failed_step: null,
    message: null,
    task_target: 'install-linux.target',
    attempt: 1,
    retry_of: null,
    silent_since: null,
    created_at: AT,
    last_update: AT,
    progress: null,
    events: [{ seq: 1, at: AT, type: 'status', message: 'queued' }],
    ...change,
  }
}

/** A controller that gives these answers in turn, and what was asked of it. */
function answering(answers: readonly (JobView | AppError)[]) {
  const left = [...answers]
  const asked: string[] = []
  const get = async (path: string) => {
    asked.push(path)
    const next = left.shift()
    if (next === undefined || next instanceof AppError) throw next ?? new Error('asked too often')
    return next
  }
  return { controller: { get } as unknown as Controller, asked }
}

function screen(): { io: Io; out: () => string; err: () => string } {
  let [out, err] = ['', '']
  const io = {
    env: {},
    interactive: false,
    colour: false,
    columns: 80,
    out: (text: string) => {
      out += text
    },
    err: (text: string) => {
      err += text
    },
  } as unknown as Io
  return { io, out: () => out, err: () => err }
}

const never = new AbortController().signal
const away = () => new AppError('controller-unreachable', 'Cannot reach the controller')

test('a controller that is away for a while does not end the watch', async () => {
  const { controller } = answering([jobWith({ status: 'provisioning', outcome: null }), away(), jobWith({})])
  const { io, out, err } = screen()
  expect(await watchJob('01K', controller, io, never)).toBe(0)
  expect(err()).toContain('the controller does not answer, trying on')
  expect(out()).toContain('Job 01K succeeded.')
})

test('a controller that never answered is an error at once', async () => {
  const { controller } = answering([away()])
  await expect(watchJob('01K', controller, screen().io, never)).rejects.toMatchObject({
    code: 'controller-unreachable',
  })
})

test('with JSON, standard output is the job and nothing else', async () => {
  const { controller } = answering([jobWith({ outcome: 'failed', failed_step: 'partition.service' })])
  const { io, out } = screen()
  expect(await watchJob('01K', controller, io, never, true)).toBe(1)
  expect(JSON.parse(out())).toMatchObject({ job_id: '01K', outcome: 'failed' })
})

test('a pipe gets whole lines without anything for a terminal, whatever a BMC or a server has said', async () => {
  const said = 'Evil \u001b]0;title\u0007\u001b[2J\rMachine'
  const events = [{ seq: 1, at: AT, type: 'bmc', message: said }]
  const { controller } = answering([jobWith({ outcome: 'failed', message: said, events })])
  const { io, out, err } = screen()
  await watchJob('01K', controller, io, never)
  for (const text of [out(), err()]) expect(text).not.toMatch(/[^\P{Cc}\n]/u)
  expect(err()).toContain('Evil ]0;titleMachine')
})

test('an id leads nowhere but to a job', async () => {
  const { controller, asked } = answering([jobWith({})])
  await watchJob('../servers', controller, screen().io, never)
  expect(asked).toEqual(['/jobs/..%2Fservers'])
})
