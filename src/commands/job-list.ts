import { CONTROLLER_OPTIONS, openController } from '../client/controller.ts'
import { readPages } from '../client/pages.ts'
import type { JobView } from '../server/routes/views.ts'
import { AppError } from '../shared/errors.ts'
import { systemClock } from '../shared/time.ts'
import { answer, JSON_OPTION } from './answer.ts'
import type { Command, Invocation, Io } from './command.ts'
import { ago } from './human-time.ts'
import type { Colour } from './paint.ts'
import { paint } from './paint.ts'
import { printable } from './printable.ts'
import { textTable } from './text-table.ts'

const FILTERS = ['status', 'outcome', 'server', 'target'] as const

/** `provisioner job list` */
export const jobList: Command = {
  name: 'job list',
  summary: 'List jobs, newest first',
  positionals: [],
  options: {
    status: { value: 'STATUS', doc: 'queued, provisioning, succeeded, failed or complete' },
    outcome: { value: 'OUTCOME', doc: 'success, failed, timeout or cancelled' },
    server: { value: 'SERIAL', doc: 'Only this server' },
    target: { value: 'TARGET', doc: 'Only this target, such as install-linux.target' },
    limit: { value: 'N', default: '50', doc: 'How many, at most' },
    ...JSON_OPTION,
    ...CONTROLLER_OPTIONS,
  },
  examples: ['provisioner job list --outcome failed', 'provisioner job list --target install-linux.target --json'],
  async run(invocation) {
    const { io } = invocation
    const query = new URLSearchParams()
    for (const name of FILTERS) {
      const value = invocation.text(name)
      if (value !== undefined) query.set(name, value)
    }
    const controller = await openController(invocation)
    const { items: jobs, more } = await readPages<JobView>(controller, '/jobs', 'jobs', query, limitOf(invocation))
    answer(invocation, jobs, () => jobTable(jobs, io, systemClock.now()))
    if (more) io.err('There are more jobs; see --limit.\n')
    return 0
  },
}

function limitOf(invocation: Invocation): number {
  const text = invocation.required('limit')
  if (/^[1-9][0-9]{0,5}$/.test(text)) return Number(text)
  throw new AppError('usage', `Cannot run "provisioner job list": --limit is a number from 1 on, not "${text}"`)
}

const COLOURS: Readonly<Record<string, Colour>> = {
  success: 'green',
  failed: 'red',
  timeout: 'red',
  cancelled: 'yellow',
}

/** The state is the last column, so that its colour changes no width. */
export function jobTable(jobs: readonly JobView[], io: Pick<Io, 'colour'>, now: Date): string {
  const rows = jobs.map((job) => {
    const colour = COLOURS[job.outcome ?? '']
    const state = colour === undefined ? jobState(job) : paint(colour, jobState(job), io)
    return [job.job_id, job.server_serial, job.task_target, ago(job.created_at, now), state]
  })
  return jobs.length === 0 ? '' : textTable(['JOB', 'SERVER', 'TARGET', 'CREATED', 'STATE'], rows)
}

/** One or a few words: how it ended and where, or what it does. */
export function jobState(job: JobView): string {
  const state = job.outcome ?? job.phase ?? job.status
  return `${state}${job.failed_step === null ? '' : ` in ${printable(job.failed_step)}`}`
}
