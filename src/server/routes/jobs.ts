import { AppError } from '../../shared/errors.ts'
import { MAX_RECIPE_BYTES } from '../../shared/recipe/parse.ts'
import type { Endpoints } from '../http/endpoint.ts'
import { documentBody, json } from '../http/endpoint.ts'
import type { Handlers } from '../http/mount.ts'
import { input, listOf, record } from '../http/schema.ts'
import type { CreateDeps } from '../jobs/create.ts'
import { createJob } from '../jobs/create.ts'
import type { Job } from '../jobs/machine.ts'
import type { JobRecord } from '../jobs/record.ts'
import { EVENT, JOB, JOB_WITH_EVENTS, OUTCOMES, SERIAL, STATUSES } from './schemas.ts'
import { eventView, jobView } from './views.ts'

export interface JobRouteDeps extends CreateDeps {
  readonly record: JobRecord
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

const PAGE = 100

export const JOB_ENDPOINTS = {
  createJob: {
    method: 'POST',
    path: '/api/v1/jobs',
    may: 'operator',
    summary: 'Provision a server as a recipe says',
    headers: { 'idempotency-key': IDEMPOTENCY_KEY },
    body: documentBody(NEW_JOB, MAX_RECIPE_BYTES),
    answers: { 202: json('The new job', JOB), 200: json('The job that was made before with this key', JOB) },
    errors: ['recipe-invalid', 'server-not-found', 'job-active'],
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
      cursor: { type: 'string' },
      limit: { type: 'integer', minimum: 1, maximum: 500, description: 'a number from 1 to 500' },
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
  listEvents: {
    method: 'GET',
    path: '/api/v1/jobs/{id}/events',
    may: 'reader',
    summary: 'List the events of a job',
    query: { after: { type: 'integer', minimum: 0, description: 'the number of an event' } },
    answers: { 200: json('The events', record('EventList', { events: listOf(EVENT) })) },
    errors: ['job-not-found'],
  },
  getLogs: {
    method: 'GET',
    path: '/api/v1/jobs/{id}/logs',
    may: 'reader',
    summary: 'Read the journal that the maintenance OS sent',
    answers: { 200: { description: 'The journal', content: { 'text/plain': { type: 'string' } } } },
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
    errors: ['job-not-found', 'job-active', 'server-not-found', 'recipe-invalid'],
  },
} as const satisfies Endpoints

/** Create, list, show, cancel, retry, events, logs (docs/contracts.md section 2). */
export function jobHandlers(deps: JobRouteDeps): Handlers<typeof JOB_ENDPOINTS> {
  const { jobs } = deps

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
      c.header('location', `/api/v1/jobs/${job.id}`)
      return reply(created ? 202 : 200, jobView(job))
    },

    async listJobs({ query: { cursor, limit = PAGE, ...filter }, reply }) {
      const found = await jobs.list({ ...filter, limit, ...(cursor !== undefined && { before: cursor }) })
      const next = found.length === limit ? (found.at(-1)?.id ?? null) : null
      return reply(200, { jobs: found.map(jobView), next })
    },

    async getJob({ params, reply }) {
      const job = await find(params.id)
      const events = await jobs.history(job.id, 0)
      return reply(200, { ...jobView(job), events: events.map(eventView) })
    },

    async listEvents({ params, query, reply }) {
      const job = await find(params.id)
      const events = await jobs.history(job.id, query.after ?? 0)
      return reply(200, { events: events.map(eventView) })
    },

    async getLogs({ c, params }) {
      const job = await find(params.id)
      const logs = await jobs.logs(job.id)
      return c.text(logs.map(({ text }) => text).join('\n'))
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
      c.header('location', `/api/v1/jobs/${next.id}`)
      return reply(202, jobView(next))
    },
  }
}
