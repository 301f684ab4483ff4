import { Hono } from 'hono'
import { AppError } from '../../shared/errors.ts'
import { MAX_RECIPE_BYTES } from '../../shared/recipe/parse.ts'
import { anyField, readDocument, readFields, textField } from '../http/request.ts'
import type { CreateDeps } from '../jobs/create.ts'
import { createJob } from '../jobs/create.ts'
import type { Job } from '../jobs/machine.ts'
import type { JobFilter } from '../jobs/ports.ts'
import type { JobRecord } from '../jobs/record.ts'
import { eventView, jobView } from './views.ts'

export interface JobRouteDeps extends CreateDeps {
  readonly record: JobRecord
}

const MAX_PAGE = 500

/** `/api/v1/jobs`: create, list, show, cancel, retry, events, logs (docs/contracts.md section 2). */
export function jobRoutes(deps: JobRouteDeps): Hono {
  const { jobs } = deps
  const app = new Hono()

  async function find(id: string): Promise<Job> {
    const job = await jobs.find(id)
    if (job === undefined) throw new AppError('job-not-found', `Cannot find job "${id}"`)
    return job
  }

  app.post('/', async (c) => {
    const body = readFields(await readDocument(c, MAX_RECIPE_BYTES), {
      server_serial: textField(true),
      recipe: anyField(true),
    })
    const key = readKey(c.req.header('idempotency-key'))
    const { job, created } = await createJob(
      { serial: String(body.server_serial), recipe: body.recipe, idempotencyKey: key, retryOf: null },
      deps,
    )
    c.header('location', `/api/v1/jobs/${job.id}`)
    return c.json(jobView(job), created ? 202 : 200)
  })

  app.get('/', async (c) => {
    const filter = readFilter(c.req.query())
    const found = await jobs.list(filter)
    const next = found.length === filter.limit ? (found.at(-1)?.id ?? null) : null
    return c.json({ jobs: found.map(jobView), next })
  })

  app.get('/:id', async (c) => {
    const job = await find(c.req.param('id'))
    const events = await jobs.history(job.id, 0)
    return c.json({ ...jobView(job), events: events.map(eventView) })
  })

  app.get('/:id/events', async (c) => {
    const job = await find(c.req.param('id'))
    const events = await jobs.history(job.id, Number(c.req.query('after') ?? 0) || 0)
    return c.json({ events: events.map(eventView) })
  })

  app.get('/:id/logs', async (c) => {
    const job = await find(c.req.param('id'))
    const logs = await jobs.logs(job.id)
    return c.text(logs.map(({ text }) => text).join('\n'))
  })

  app.post('/:id/cancel', async (c) => {
    const job = await find(c.req.param('id'))
    return c.json(jobView(await deps.record.apply(job.id, { type: 'cancelled' })), 202)
  })

  app.post('/:id/retry', async (c) => {
    const job = await find(c.req.param('id'))
    const recipe: unknown = JSON.parse(job.recipeText)
    const { job: next } = await createJob(
      { serial: job.serverSerial, recipe, idempotencyKey: null, retryOf: job.id },
      deps,
    )
    c.header('location', `/api/v1/jobs/${next.id}`)
    return c.json(jobView(next), 202)
  })

  return app
}

/** An empty key is a variable that was not set: all such jobs would be one. */
function readKey(key: string | undefined): string | null {
  if (key === undefined) return null
  if (/^[\x21-\x7e][\x20-\x7e]{0,254}$/.test(key)) return key
  throw new AppError('request-invalid', 'Cannot use the Idempotency-Key: it must be 1 to 255 ASCII characters')
}

function readFilter(query: Record<string, string>): JobFilter {
  const limit = Math.min(MAX_PAGE, Math.max(1, Number(query['limit'] ?? 100) || 100))
  const { status, outcome, server, cursor } = query
  return {
    limit,
    ...(status !== undefined && { status }),
    ...(outcome !== undefined && { outcome }),
    ...(server !== undefined && { server }),
    ...(cursor !== undefined && { before: cursor }),
  }
}
