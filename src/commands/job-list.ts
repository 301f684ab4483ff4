import { CONTROLLER_OPTIONS, openController } from '../client/controller.ts'
import { readPages } from '../client/pages.ts'
import { OUTCOMES, STATUSES } from '../server/routes/schemas.ts'
import type { JobView } from '../server/routes/views.ts'
import { systemClock } from '../shared/time.ts'
import { answer, JSON_OPTION } from './answer.ts'
import type { Command, Io } from './command.ts'
import { ago } from './human-time.ts'
import { countOption, queryOf } from './option-values.ts'
import type { Colour } from './paint.ts'
import { paint } from './paint.ts'
import { printable } from './printable.ts'
import { textTable } from './text-table.ts'

/** `provisioner job list` */
export const jobList: Command = {
  name: 'job list',
  summary: 'List jobs, newest first',
  positionals: [],
  options: {
    status: { value: 'STATUS', values: STATUSES, doc: 'Only those that are so' },
    outcome: { value: 'OUTCOME', values: OUTCOMES, doc: 'Only those that ended so' },
    server: { value: 'SERIAL', doc: 'Only this server' },
    target: { value: 'TARGET', doc: 'Only this target, such as install-linux.target' },
    limit: { value: 'N', default: '50', doc: 'How many, at most' },
    ...JSON_OPTION,
    ...CONTROLLER_OPTIONS,
  },
  examples: ['provisioner job list --outcome failed', 'provisioner job list --target install-linux.target --json'],
  async run(invocation) {
    const { io } = invocation
    const limit = countOption(invocation, 'limit', 1_000_000)
    const query = queryOf(invocation, ['status', 'outcome', 'server', 'target'])
    const controller = await openController(invocation)
    const { items: jobs, more } = await readPages<JobView>(controller, '/jobs', 'jobs', query, limit)
    answer(invocation, jobs, () => jobTable(jobs, io, systemClock.now()))
    if (more) io.err('There are more jobs; see --limit.\n')
    return 0
  },
}

const COLOURS: Readonly<Record<string, Colour>> = {
  success: 'green',
  failed: 'red',
  timeout: 'red',
  cancelled: 'yellow',
}

/** The state is the last column, so that its colour changes no width. */
function jobTable(jobs: readonly JobView[], io: Pick<Io, 'colour'>, now: Date): string {
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
