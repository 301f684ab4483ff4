import { AppError } from '../../shared/errors.ts'
import { MAX_RECIPE_BYTES } from '../../shared/recipe/parse.ts'
import { keyOf, pageOf } from '../http/cursor.ts'
import type { Endpoints } from '../http/endpoint.ts'
import { documentBody, json } from '../http/endpoint.ts'
import type { Handlers } from '../http/mount.ts'
import { input, listOf, record } from '../http/schema.ts'
import type { CreateDeps } from '../jobs/create.ts'
import { createJob } from '../jobs/create.ts'
import type { JobFeed } from '../jobs/feed.ts'
import type { Job } from '../jobs/machine.ts'
import type { HistoryEntry, JobStore } from '../jobs/ports.ts'
import { HISTORY_PAGE } from '../jobs/ports.ts'
import type { JobRecord } from '../jobs/record.ts'
import { JOB, JOB_WITH_EVENTS, OUTCOMES, PAGE_QUERY, PAGE_SIZE, SERIAL, STATUSES, TIME } from './schemas.ts'
import { eventView, jobView } from './views.ts'

export interface JobRouteDeps extends CreateDeps {
  readonly record: JobRecord
  readonly feed: Pick<JobFeed, 'job'>
}

const NEW_JOB = input('NewJob', {
  server_serial: SERIAL,
  // Its own schema and rules check it (shared/recipe); the OpenAPI document has that schema under this title.
  recipe: { title: 'Recipe', description: 'a recipe' },
})

/** An empty key is a variable that was not set: all such jobs would be one. */
const IDEMPOTENCY_KEY = {
  type: 'string',
  pattern: '^[\\x21-\\x7e][\\x20-\\x7e]{0,254}$',
  description: '1 to 255 ASCII characters',
} as const

const LOG_LIST = record('LogList', { logs: listOf(record('Log', { at: TIME, text: { type: 'string' } })) })

export const JOB_ENDPOINTS = {
  createJob: {
    method: 'POST',
    path: '/api/v1/jobs',
    may: 'operator',
    summary: 'Provision a server as a recipe says',
    headers: { 'idempotency-key': IDEMPOTENCY_KEY },
    body: documentBody(NEW_JOB, MAX_RECIPE_BYTES),
    answers: { 202: json('The new job', JOB), 200: json('The job that was made before with this key', JOB) },
    errors: ['recipe-invalid', 'server-not-found', 'job-active', 'queue-full'],
  },
  listJobs: {
    method: 'GET',
    path: '/api/v1/jobs',
    may: 'reader',
    summary: 'List jobs, newest first',
    query: {
      status: { enum: STATUSES },
      outcome: { enum: OUTCOMES },
      server: { type: 'string' },
      target: { type: 'string' },
      ...PAGE_QUERY,
    },
    answers: {
      200: json('A page', record('JobPage', { jobs: listOf(JOB), next: { type: ['string', 'null'] } })),
    },
  },
  getJob: {
    method: 'GET',
    path: '/api/v1/jobs/{id}',
    may: 'reader',
    summary: 'Show one job with its events',
    answers: { 200: json('The job', JOB_WITH_EVENTS) },
    errors: ['job-not-found'],
  },
  getLogs: {
    method: 'GET',
    path: '/api/v1/jobs/{id}/logs',
    may: 'reader',
    summary: 'Read the journal that the maintenance OS sent',
    description: 'As text, or with "Accept: application/json" as a list of what was sent, when.',
    query: {
      lines: { type: 'integer', minimum: 1, maximum: 100_000, description: 'how many of the last lines, up to 100000' },
    },
    answers: {
      200: { description: 'The journal', content: { 'text/plain': { type: 'string' }, 'application/json': LOG_LIST } },
    },
    errors: ['job-not-found'],
  },
  cancelJob: {
    method: 'POST',
    path: '/api/v1/jobs/{id}/cancel',
    may: 'operator',
    summary: 'Stop a job: its server is switched off and its media are ejected',
    answers: { 202: json('The job, which is cleaned up now', JOB) },
    errors: ['job-not-found', 'job-transition'],
  },
  retryJob: {
    method: 'POST',
    path: '/api/v1/jobs/{id}/retry',
    may: 'operator',
    summary: 'Run the recipe of a job again, as a new job',
    answers: { 202: json('The new job', JOB) },
    errors: ['job-not-found', 'job-active', 'server-not-found', 'recipe-invalid', 'queue-full'],
  },
} as const satisfies Endpoints

/** Create, list, show, cancel, retry, events, logs (docs/contracts.md section 2). */
export function jobHandlers(deps: JobRouteDeps): Handlers<typeof JOB_ENDPOINTS> {
  const { jobs, clock } = deps

  async function find(id: string): Promise<Job> {
    const job = await jobs.find(id)
    if (job === undefined) throw new AppError('job-not-found', `Cannot find job "${id}"`)
    return job
  }

  return {
    async createJob({ c, body, headers, reply }) {
      const key = headers['idempotency-key'] ?? null
      const input = { serial: body.server_serial, recipe: body.recipe, idempotencyKey: key, retryOf: null }
      const { job, created } = await createJob(input, deps)
      if (created) deps.feed.job(job)
      c.header('location', `/api/v1/jobs/${job.id}`)
      return reply(created ? 202 : 200, jobView(job))
    },

    async listJobs({ query: { cursor, limit = PAGE_SIZE, ...filter }, reply }) {
      const before = keyOf(cursor)
      const found = await jobs.list({ ...filter, limit: limit + 1, ...(before !== undefined && { before }) })
      const { items, next } = pageOf(found, limit, (job) => job.id)
      return reply(200, { jobs: items.map((job) => jobView(job, clock.now())), next })
    },

    async getJob({ params, reply }) {
      const job = await find(params.id)
      return reply(200, { ...jobView(job, clock.now()), events: (await wholeHistory(job.id, jobs)).map(eventView) })
    },

    async getLogs({ c, params, query, reply }) {
      const job = await find(params.id)
      const logs = await jobs.logs(job.id)
      if (/\bapplication\/json\b/.test(c.req.header('accept') ?? ''))
        return reply(200, { logs: lastLogs(logs, query.lines).map(({ at, text }) => ({ at: at.toISOString(), text })) })
      const text = logs.map((log) => log.text).join('\n')
      return c.text(query.lines === undefined ? text : lastLines(text, query.lines))
    },

    async cancelJob({ params, reply }) {
      const job = await find(params.id)
      return reply(202, jobView(await deps.record.apply(job.id, { type: 'cancelled' })))
    },

    async retryJob({ c, params, reply }) {
      const job = await find(params.id)
      const recipe: unknown = JSON.parse(job.recipeText)
      const input = { serial: job.serverSerial, recipe, idempotencyKey: null, retryOf: job.id }
      const { job: next } = await createJob(input, deps)
      deps.feed.job(next)
      c.header('location', `/api/v1/jobs/${next.id}`)
      return reply(202, jobView(next))
    },
  }
}

/** Nearly always one page. */
async function wholeHistory(id: string, jobs: Pick<JobStore, 'history'>): Promise<HistoryEntry[]> {
  const entries: HistoryEntry[] = []
  for (;;) {
    const page = await jobs.history(id, entries.at(-1)?.seq ?? 0)
    entries.push(...page)
    if (page.length < HISTORY_PAGE) return entries
  }
}

/** As many of the last ones as have so many lines; of the first of them the end. */
function lastLogs<T extends { readonly text: string }>(logs: readonly T[], count = Number.POSITIVE_INFINITY): T[] {
  const kept: T[] = []
  let left = count
  for (const log of logs.toReversed()) {
    if (left <= 0) break
    const text = Number.isFinite(left) ? lastLines(log.text, left) : log.text
    kept.unshift({ ...log, text })
    left -= text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  }
  return kept
}

function lastLines(text: string, count: number): string {
  let from = text.endsWith('\n') ? text.length - 1 : text.length
  for (let left = count; left > 0 && from >= 0; left--) from = text.lastIndexOf('\n', from - 1)
  return text.slice(from + 1)
}
