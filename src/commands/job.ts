import { CONTROLLER_OPTIONS, openController } from '../client/controller.ts'
import type { JobView } from '../server/routes/views.ts'
import { parseRecipeDocument } from '../shared/recipe/parse.ts'
import type { Command, CommandGroup, Invocation } from './command.ts'
import { printable } from './printable.ts'
import { readRecipeFile } from './recipe.ts'
import { spansOf, timelineText } from './timeline.ts'
import { progressLine, watchJob } from './watch.ts'

const JSON_OPTION = { json: { doc: 'Print the answer as JSON' } } as const

const create: Command = {
  name: 'job create',
  summary: 'Provision a server as a recipe (YAML or JSON) says',
  positionals: [],
  options: {
    server: { value: 'SERIAL', required: true, doc: 'The server, by its serial number' },
    recipe: { value: 'FILE', required: true, doc: 'The recipe' },
    'idempotency-key': { value: 'TEXT', doc: 'Creates at most one job, however often it is sent' },
    wait: { doc: 'Follow the job; exit 1 unless it succeeds' },
    ...JSON_OPTION,
    ...CONTROLLER_OPTIONS,
  },
  examples: ['provisioner job create --server SN123 --recipe web.yaml --wait'],
  async run(invocation) {
    const recipe = parseRecipeDocument(await readRecipeFile(invocation.required('recipe')))
    const controller = await openController(invocation)
    const key = invocation.text('idempotency-key')
    const headers = key === undefined ? {} : { 'idempotency-key': key }
    const body = { server_serial: invocation.required('server'), recipe }
    const job = await controller.post<JobView>('/jobs', body, headers)
    const [wait, json] = [invocation.flag('wait'), invocation.flag('json')]
    // One document on standard output: with --wait it is the job as it ended.
    if (!(wait && json)) print(invocation, job, () => `${job.job_id}\n`)
    return wait ? watchJob(job.job_id, controller, invocation.io, invocation.signal, json) : 0
  },
}

const list: Command = {
  name: 'job list',
  summary: 'List jobs, newest first',
  positionals: [],
  options: {
    status: { value: 'STATUS', doc: 'queued, provisioning, succeeded, failed or complete' },
    outcome: { value: 'OUTCOME', doc: 'success, failed, timeout or cancelled' },
    server: { value: 'SERIAL', doc: 'Only this server' },
    ...JSON_OPTION,
    ...CONTROLLER_OPTIONS,
  },
  examples: ['provisioner job list --outcome failed'],
  async run(invocation) {
    const query = new URLSearchParams()
    for (const name of ['status', 'outcome', 'server']) {
      const value = invocation.text(name)
      if (value !== undefined) query.set(name, value)
    }
    const controller = await openController(invocation)
    const { jobs } = await controller.get<{ jobs: JobView[] }>(`/jobs?${query}`)
    print(invocation, jobs, () => jobs.map((job) => `${jobLine(job)}\n`).join(''))
    return 0
  },
}

const show: Command = {
  name: 'job show',
  summary: 'Show one job: where it stands, its timeline, and why it failed',
  positionals: ['ID'],
  options: { ...JSON_OPTION, ...CONTROLLER_OPTIONS },
  examples: ['provisioner job show 01KABCDEF0123456789ABCDEFG'],
  async run(invocation) {
    const controller = await openController(invocation)
    const job = await controller.get<JobView>(jobPath(invocation))
    const reason = job.message === null ? '' : `\n${printable(job.message)}\n`
    const now = job.status === 'provisioning' ? `${progressLine(job, invocation.io.columns)}\n` : ''
    print(
      invocation,
      job,
      () => `${jobLine(job)}\n${now}${reason}\n${timelineText(spansOf(job.events ?? []), invocation.io.columns)}`,
    )
    return 0
  },
}

const watch: Command = {
  name: 'job watch',
  summary: 'Follow a job until it is complete; exit 1 unless it succeeds',
  positionals: ['ID'],
  options: { ...JSON_OPTION, ...CONTROLLER_OPTIONS },
  examples: ['provisioner job watch 01KABCDEF0123456789ABCDEFG'],
  async run(invocation) {
    const { io, signal } = invocation
    return watchJob(invocation.arg('ID'), await openController(invocation), io, signal, invocation.flag('json'))
  },
}

const logs: Command = {
  name: 'job logs',
  summary: 'Print the journal that the maintenance OS sent',
  positionals: ['ID'],
  options: CONTROLLER_OPTIONS,
  examples: ['provisioner job logs 01KABCDEF0123456789ABCDEFG | less'],
  async run(invocation) {
    const controller = await openController(invocation)
    invocation.io.out(printable(await controller.text(`${jobPath(invocation)}/logs`)))
    return 0
  },
}

const cancel: Command = {
  name: 'job cancel',
  summary: 'Stop a job: the server is switched off and its media are ejected',
  positionals: ['ID'],
  options: { ...JSON_OPTION, ...CONTROLLER_OPTIONS },
  examples: ['provisioner job cancel 01KABCDEF0123456789ABCDEFG'],
  run: (invocation) => act(invocation, 'cancel'),
}

const retry: Command = {
  name: 'job retry',
  summary: 'Run the recipe of an ended job again, as a new job',
  positionals: ['ID'],
  options: { ...JSON_OPTION, ...CONTROLLER_OPTIONS },
  examples: ['provisioner job retry 01KABCDEF0123456789ABCDEFG'],
  run: (invocation) => act(invocation, 'retry'),
}

export const job: CommandGroup = {
  name: 'job',
  summary: 'Create, watch and cancel jobs',
  commands: [create, list, show, watch, logs, cancel, retry],
}

async function act(invocation: Invocation, action: 'cancel' | 'retry'): Promise<number> {
  const controller = await openController(invocation)
  const after = await controller.post<JobView>(`${jobPath(invocation)}/${action}`)
  print(invocation, after, () => `${jobLine(after)}\n`)
  return 0
}

/** An id with a slash in it is no id, and leads nowhere else. */
function jobPath(invocation: Invocation): string {
  return `/jobs/${encodeURIComponent(invocation.arg('ID'))}`
}

function print(invocation: Invocation, value: unknown, text: () => string): void {
  invocation.io.out(invocation.flag('json') ? `${JSON.stringify(value)}\n` : text())
}

function jobLine(job: JobView): string {
  const state = job.status === 'complete' || job.status === 'failed' ? `${job.outcome}` : (job.phase ?? job.status)
  const failed = job.failed_step === null ? '' : ` in ${job.failed_step}`
  return `${job.job_id}  ${job.server_serial.padEnd(16)} ${job.task_target.padEnd(22)} ${state}${failed}`
}
