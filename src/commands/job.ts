import { CONTROLLER_OPTIONS, openController } from '../client/controller.ts'
import type { JobView } from '../server/routes/views.ts'
import { readTextFile } from '../shared/files.ts'
import { parseRecipeDocument } from '../shared/recipe/parse.ts'
import { answer, JSON_OPTION } from './answer.ts'
import type { Command, CommandGroup, Invocation, Io } from './command.ts'
import { jobList, jobState } from './job-list.ts'
import { jobLogs } from './job-logs.ts'
import { spansOf, timelineText } from './timeline.ts'
import { failureText, progressLine, watchJob } from './watch.ts'

const create: Command = {
  name: 'job create',
  summary: 'Provision a server as a recipe (YAML or JSON) says',
  positionals: [],
  options: {
    server: { value: 'SERIAL', required: true, twin: false, doc: 'The server, by its serial number' },
    recipe: { value: 'FILE', required: true, twin: false, doc: 'The recipe' },
    'idempotency-key': { value: 'TEXT', twin: false, doc: 'Creates at most one job, however often it is sent' },
    wait: { doc: 'Follow the job; exit 1 unless it succeeds' },
    ...JSON_OPTION,
    ...CONTROLLER_OPTIONS,
  },
  examples: ['provisioner job create --server SN123 --recipe web.yaml --wait'],
  async run(invocation) {
    const recipe = parseRecipeDocument(await readTextFile(invocation.required('recipe'), 'the recipe'))
    const controller = await openController(invocation)
    const key = invocation.text('idempotency-key')
    const headers = key === undefined ? {} : { 'idempotency-key': key }
    const body = { server_serial: invocation.required('server'), recipe }
    const job = await controller.post<JobView>('/jobs', body, headers)
    const [wait, json] = [invocation.flag('wait'), invocation.flag('json')]
    // One document on standard output: with --wait it is the job as it ended. Its id is known also when the wait is broken off.
    if (wait && json) invocation.io.err(`Job ${job.job_id}\n`)
    else answer(invocation, job, () => `${job.job_id}\n`)
    return wait ? watchJob(job.job_id, controller, invocation.io, invocation.signal, json ? 'json' : 'text') : 0
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
    answer(invocation, job, () => jobText(job, invocation.io))
    return 0
  },
}

const watch: Command = {
  name: 'job watch',
  summary: 'Follow a job until it is complete; exit 1 unless it succeeds',
  positionals: ['ID'],
  options: { json: { doc: 'Print each change as a line of JSON' }, ...CONTROLLER_OPTIONS },
  examples: ['provisioner job watch 01KABCDEF0123456789ABCDEFG'],
  async run(invocation) {
    const { io, signal } = invocation
    const output = invocation.flag('json') ? 'lines' : 'text'
    return watchJob(invocation.arg('ID'), await openController(invocation), io, signal, output)
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
  commands: [create, jobList, show, watch, jobLogs, cancel, retry],
}

async function act(invocation: Invocation, action: 'cancel' | 'retry'): Promise<number> {
  const controller = await openController(invocation)
  const after = await controller.post<JobView>(`${jobPath(invocation)}/${action}`)
  answer(invocation, after, () => `${jobLine(after)}\n`)
  return 0
}

/** An id with a slash in it is no id, and leads nowhere else. */
function jobPath(invocation: Invocation): string {
  return `/jobs/${encodeURIComponent(invocation.arg('ID'))}`
}

/** Where it stands; of a failure first what failed and its last lines. */
function jobText(job: JobView, io: Io): string {
  const failed = job.outcome !== null && job.outcome !== 'success' ? `${failureText(job, io)}\n` : ''
  const progress = job.status === 'provisioning' ? `${progressLine(job, io.columns)}\n` : ''
  return `${failed}${jobLine(job)}\n${progress}\n${timelineText(spansOf(job.events ?? []), io.columns)}`
}

function jobLine(job: JobView): string {
  return `${job.job_id}  ${job.server_serial}  ${job.task_target}  ${jobState(job)}`
}
