import { timingSafeEqual } from 'node:crypto'
import { Hono } from 'hono'
import { sha256 } from '../../shared/digest.ts'
import { AppError } from '../../shared/errors.ts'
import type { Logger } from '../../shared/log.ts'
import type { ProgressReport, WebhookReport } from '../../shared/task/job-file.ts'
import { SECRET_HEADER } from '../../shared/task/job-file.ts'
import type { Clock } from '../../shared/time.ts'
import { readBody, readJson } from '../http/request.ts'
import type { Job, JobPhase, Progress } from '../jobs/machine.ts'
import type { JobSecrets, JobStore } from '../jobs/ports.ts'
import type { JobRecord } from '../jobs/record.ts'

export interface ReportRouteDeps {
  readonly jobs: JobStore
  readonly record: JobRecord
  readonly secrets: JobSecrets
  readonly clock: Clock
  readonly log: Logger
}

const MAX_REPORT = 64 * 1024
const MAX_LOG = 8 * 1024 * 1024
/** A server's older jobs may still deliver; further back nobody waits. */
const JOBS_BACK = 20
const MAX_MESSAGE = 8 * 1024

/**
 * What the maintenance OS posts, proved by the secret of its job: the final webhook, progress, logs
 * (docs/contracts.md sections 2 and 6). An answer of 200 means that it is stored.
 */
export function reportRoutes(deps: ReportRouteDeps): Hono {
  const { jobs, record, secrets, clock, log } = deps
  const app = new Hono()

  app.post('/status-webhook/:serial', async (c) => {
    const serial = c.req.param('serial')
    const candidates = await jobs.ofServer(serial, JOBS_BACK)
    if (candidates.length === 0)
      throw new AppError('job-not-found', `Cannot take the report: server "${serial}" never had a job`)
    const job = candidates.find((candidate) => isSecret(c.req.header(SECRET_HEADER), secrets.webhook(candidate)))
    if (job === undefined)
      throw new AppError(
        'unauthenticated',
        `Cannot take the report: ${SECRET_HEADER} is of no job of server "${serial}"`,
      )
    const report = parseReport(await readJson(c, MAX_REPORT))
    const event =
      report.status === 'success'
        ? ({ type: 'reported-success' } as const)
        : ({
            type: 'reported-failure',
            failedStep: report.failed_step ?? '',
            message: report.message?.slice(-MAX_MESSAGE) ?? null,
          } as const)
    const after = await record.apply(job.id, event)
    log.info(
      { jobId: job.id, serial, status: report.status, failedStep: report.failed_step, jobStatus: after.status },
      'webhook',
    )
    return c.json({ ok: true })
  })

  app.post('/jobs/:id/progress', async (c) => {
    const job = await proved(c.req.param('id'), c.req.header(SECRET_HEADER))
    const report = parseProgress(await readJson(c, MAX_REPORT))
    await record.progress(job.id, phaseOf(report.step), progressOf(report, job.progress, clock.now()))
    return c.json({ ok: true })
  })

  app.post('/jobs/:id/logs', async (c) => {
    const job = await proved(c.req.param('id'), c.req.header(SECRET_HEADER))
    await jobs.addLog(job.id, (await readBody(c, MAX_LOG)).toString('utf8'), clock.now())
    return c.json({ ok: true }, 201)
  })

  async function proved(id: string, secret: string | undefined): Promise<Job> {
    const job = await jobs.find(id)
    if (job === undefined) throw new AppError('job-not-found', `Cannot find job "${id}"`)
    if (!isSecret(secret, secrets.webhook(job))) {
      throw new AppError('unauthenticated', `Cannot take the report: ${SECRET_HEADER} is not the secret of job ${id}`)
    }
    return job
  }

  return app
}

/** Compared by digest, so neither the content nor the length shows in the time it takes. */
function isSecret(given: string | undefined, expected: string): boolean {
  return given !== undefined && timingSafeEqual(Buffer.from(sha256(given)), Buffer.from(sha256(expected)))
}

function phaseOf(step: string): JobPhase {
  return step === 'provision-dispatcher' ? 'dispatching' : `running:${step}`
}

function progressOf(report: ProgressReport, before: Progress | null, at: Date): Progress {
  const bytes = report.bytes ?? null
  const seconds = before === null ? 0 : (at.getTime() - before.at.getTime()) / 1000
  const moved =
    before?.step === report.step && before.bytes !== null && bytes !== null ? bytes - before.bytes : undefined
  const rate = moved !== undefined && moved >= 0 && seconds > 0 ? Math.round(moved / seconds) : null
  return { step: report.step, bytes, totalBytes: report.total_bytes ?? null, rate, message: report.message ?? null, at }
}

const UNIT = /^[A-Za-z0-9:_.@-]{1,128}$/
const STEP = /^[a-z0-9-]{1,64}$/

function parseReport(body: unknown): WebhookReport {
  const report = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  const { status, failed_step: failedStep, message } = report
  if (status === 'success') return { status }
  if (status !== 'failed')
    throw new AppError('request-invalid', 'Cannot take the report: "status" must be "success" or "failed"')
  if (typeof failedStep !== 'string' || !UNIT.test(failedStep)) {
    throw new AppError(
      'request-invalid',
      'Cannot take the report: a failed one needs "failed_step", the name of a unit',
    )
  }
  return { status, failed_step: failedStep, ...(typeof message === 'string' && { message }) }
}

function parseProgress(body: unknown): ProgressReport {
  const report = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  const { step, bytes, total_bytes: total, message } = report
  if (typeof step !== 'string' || !STEP.test(step))
    throw new AppError('request-invalid', 'Cannot take the report: "step" is missing')
  return {
    step,
    ...(isCount(bytes) && { bytes }),
    ...(isCount(total) && { total_bytes: total }),
    ...(typeof message === 'string' && { message: message.slice(0, 1024) }),
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
