import { expect, test } from 'vitest'
import type { Controller } from '../../src/client/controller.ts'
import type { Io } from '../../src/commands/command.ts'
import { progressLine, watchJob } from '../../src/commands/watch.ts'
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
    events: [{ seq: 1, at: AT, type: 'status', span: 'queued', message: 'queued' }],
    ...change,
  }
}

type Answer = JobView | AppError

/** A controller without streams that gives these answers in turn, and what was asked of it. */
function answering(answers: readonly Answer[]) {
  const left = [...answers]
  const asked: string[] = []
  const controller: Pick<Controller, 'get' | 'events'> = {
    async get<T>(path: string) {
      asked.push(path)
      const next = left.shift()
      if (next === undefined || next instanceof AppError) throw next ?? new Error('asked too often')
      return next as T
    },
    events: async () => undefined,
  }
  return { controller, asked }
}

type Sent = readonly [event: string, data: unknown, id?: string]

/** One that streams: each list is a connection, which ends after its events, or as the error says. */
function streaming(connections: readonly (readonly (Sent | AppError)[])[]) {
  const left = [...connections]
  const resumed: (string | undefined)[] = []
  const controller: Pick<Controller, 'get' | 'events'> = {
    get: () => Promise.reject(new Error('nobody asks where there is a stream')),
    async events(_path, lastId) {
      resumed.push(lastId)
      const connection = left.shift() ?? []
      const [first] = connection
      if (first instanceof AppError && connection.length === 1) throw first
      return (async function* events() {
        for (const sent of connection) {
          if (sent instanceof AppError) throw sent
          yield { event: sent[0], data: JSON.stringify(sent[1]), id: sent[2] }
        }
      })()
    },
  }
  return { controller, resumed }
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
  const { controller } = streaming([[away()]])
  await expect(watchJob('01K', controller, screen().io, never)).rejects.toMatchObject({
    code: 'controller-unreachable',
  })
})

test('with JSON, standard output is the job and nothing else', async () => {
  const { controller } = answering([jobWith({ outcome: 'failed', failed_step: 'partition.service' })])
  const { io, out } = screen()
  expect(await watchJob('01K', controller, io, never, 'json')).toBe(1)
  expect(JSON.parse(out())).toMatchObject({ job_id: '01K', outcome: 'failed' })
})

test('a pipe gets whole lines without anything for a terminal, whatever a BMC or a server has said', async () => {
  const said = 'Evil \u001b]0;title\u0007\u001b[2J\rMachine'
  const events = [{ seq: 1, at: AT, type: 'bmc', span: null, message: said }]
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

const entry = (seq: number, message: string): Sent => [
  'entry',
  { seq, at: AT, type: 'phase', span: message, message },
  String(seq),
]
const runs = jobWith({ status: 'provisioning', phase: 'booting', outcome: null })

test('a stream that breaks is taken up where it was: each event is shown once', async () => {
  const { controller, resumed } = streaming([
    [entry(1, 'preparing'), ['job', runs], entry(2, 'mounting'), away()],
    [away()],
    [entry(3, 'booting'), ['later', {}], ['job', jobWith({})]],
  ])
  const { io, out, err } = screen()
  expect(await watchJob('01K', controller, io, never)).toBe(0)
  expect(resumed).toEqual([undefined, '2', '2'])
  expect(err().match(/preparing|mounting|booting/g)).toEqual(['preparing', 'mounting', 'booting'])
  expect(out()).toContain('Job 01K succeeded.')
})

test('with JSON lines each change is a line, and the last one is the job as it ended', async () => {
  const { controller } = streaming([[entry(1, 'preparing'), ['job', jobWith({ outcome: 'timeout' })]]])
  const { io, out, err } = screen()
  expect(await watchJob('01K', controller, io, never, 'lines')).toBe(1)
  const lines = out().trimEnd().split('\n')
  expect(lines.map((line) => Object.keys(JSON.parse(line)))).toEqual([['event'], ['job']])
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ job: { outcome: 'timeout' } })
  expect(err()).toBe('')
})

test('a failure begins with the unit that failed and its last lines', async () => {
  const failed = jobWith({ outcome: 'failed', failed_step: 'partition.service', message: 'no such disk\n/dev/vda' })
  const { controller } = answering([failed])
  const { io, out } = screen()
  await watchJob('01K', controller, io, never)
  expect(out()).toMatch(/^Job 01K ended with failed in partition\.service\.\n {2}no such disk\n {2}\/dev\/vda\n/)
})

test('a step shows its bar, its rate and the time that is left', () => {
  const progress = { step: 'image-linux', bytes: 48 << 20, total_bytes: 96 << 20, rate: 1 << 20, message: null, at: AT }
  const job = jobWith({
    status: 'provisioning',
    phase: 'running:image-linux',
    progress: { ...progress, eta_seconds: 192 },
  })
  expect(progressLine(job, 80)).toBe(
    'running:image-linux [#####-----] 50 % 48.0 MiB of 96.0 MiB, 1.0 MiB/s, 3 min left',
  )
  const readBack = { ...job, progress: { ...progress, eta_seconds: null, message: 'reading back' } }
  expect(progressLine(readBack, 80)).toMatch(/48\.0 MiB of 96\.0 MiB, 1\.0 MiB\/s, reading back$/)
})
