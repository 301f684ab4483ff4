import { timingSafeEqual } from 'node:crypto'
import type { Context } from 'hono'
import { sha256 } from '../../shared/digest.ts'
import { AppError } from '../../shared/errors.ts'
import type { Logger } from '../../shared/log.ts'
import { SECRET_HEADER } from '../../shared/task/job-file.ts'
import type { Clock } from '../../shared/time.ts'
import type { Endpoints } from '../http/endpoint.ts'
import { json, jsonBody, textBody } from '../http/endpoint.ts'
import type { Handlers } from '../http/mount.ts'
import type { FromSchema } from '../http/schema.ts'
import { record } from '../http/schema.ts'
import type { JobEvent, JobPhase, JobSummary } from '../jobs/machine.ts'
import type { JobSecrets, JobStore } from '../jobs/ports.ts'
import { progressAfter } from '../jobs/progress.ts'
import type { JobRecord } from '../jobs/record.ts'
import { OK } from './schemas.ts'

export interface ReportRouteDeps {
  readonly jobs: JobStore
  readonly record: JobRecord
  readonly secrets: JobSecrets
  readonly clock: Clock
  readonly log: Logger
}

const MAX_REPORT = 64 * 1024
const MAX_LOG = 8 * 1024 * 1024
/** A server's older jobs may still deliver. Nearly always it is one of the newest; to look at more costs more. */
const JOBS_BACK = [20, 1000] as const
/** Long over: nobody delivers any more for a job that ended before that, and anybody may ask. */
const LATE_MS = 7 * 24 * 3600_000
/** What a job still has to say when it has ended; then its secret is worth nothing. */
const LAST_WORDS_MS = 15 * 60_000
const MAX_MESSAGE = 8 * 1024

const TEXT = { type: ['string', 'null'] } as const
const COUNT = { type: ['integer', 'null'], minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const

/** docs/contracts.md section 6. Fields of later versions are ignored, so it is not closed. */
const REPORT = {
  ...record(
    'WebhookReport',
    { status: { enum: ['success', 'failed'] } },
    {
      failed_step: {
        type: ['string', 'null'],
        pattern: '^[A-Za-z0-9:_.@-]{1,128}$',
        description: 'the name of a systemd unit',
      },
      message: TEXT,
      delivery_id: TEXT,
      job_id: TEXT,
      task_target: TEXT,
      dispatcher_version: TEXT,
      schema_id: TEXT,
      started_at: TEXT,
      finished_at: TEXT,
    },
  ),
  if: { properties: { status: { const: 'failed' } } },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: {
    required: ['failed_step'],
    properties: { failed_step: { type: 'string', description: 'the name of a unit' } },
  },
} as const

const PROGRESS_REPORT = record(
  'ProgressReport',
  { step: { type: 'string', pattern: '^[a-z0-9-]{1,64}$', description: 'the name of a step' } },
  {
    bytes: COUNT,
    total_bytes: COUNT,
    message: TEXT,
    event: { type: 'boolean', description: 'whether the message stays among the events of the job' },
  },
)

export const REPORT_ENDPOINTS = {
  reportOutcome: {
    method: 'POST',
    path: '/api/v1/status-webhook/{server_serial}',
    may: 'job',
    summary: 'Report how the task ended (docs/contracts.md section 6)',
    description: 'May be repeated: only the first report of a job counts. An answer of 200 means that it is stored.',
    body: jsonBody(REPORT, MAX_REPORT),
    answers: { 200: json('Stored', OK) },
    errors: ['job-not-found'],
  },
  reportProgress: {
    method: 'POST',
    path: '/api/v1/jobs/{id}/progress',
    may: 'job',
    summary: 'Report how far a step is',
    description: 'Progress of a job that is over changes nothing; an `event` of it is refused with 409.',
    body: jsonBody(PROGRESS_REPORT, MAX_REPORT),
    answers: { 200: json('Stored', OK) },
    errors: ['job-not-found', 'job-transition'],
  },
  sendLogs: {
    method: 'POST',
    path: '/api/v1/jobs/{id}/logs',
    may: 'job',
    summary: 'Send the journal of the maintenance OS',
    description: 'Taken until a quarter of an hour after the job is complete.',
    body: textBody(MAX_LOG),
    answers: { 201: json('Stored', OK) },
    errors: ['job-not-found'],
  },
} as const satisfies Endpoints

/**
 * What the maintenance OS posts, proved by the secret of its job: the final webhook, progress, logs
 * (docs/contracts.md sections 2 and 6). An answer of 200 means that it is stored.
 */
export function reportHandlers(deps: ReportRouteDeps): Handlers<typeof REPORT_ENDPOINTS> {
  const { jobs, record, clock, log } = deps

  return {
    async reportOutcome({ body: report, job, reply }) {
      const after = await record.apply(job.id, eventOf(report))
      const { status, failed_step: failedStep } = report
      log.info({ jobId: job.id, serial: job.serverSerial, status, failedStep, jobStatus: after.status }, 'webhook')
      return reply(200, { ok: true })
    },

    async reportProgress({ body, job, reply }) {
      await record.progress(job.id, phaseOf(body.step), progressAfter(job.progress, body, clock.now()))
      return reply(200, { ok: true })
    },

    async sendLogs({ body, job, reply }) {
      if (job.status === 'complete' && clock.now().getTime() - job.updatedAt.getTime() > LAST_WORDS_MS)
        throw new AppError('unauthenticated', `Cannot take the logs: the secret of job ${job.id} died with it`)
      await jobs.addLog(job.id, body, clock.now())
      return reply(201, { ok: true })
    },
  }
}

/** Which job the maintenance OS speaks for: the one in the path, or with only a serial there, the one of its secret. */
export function jobBySecret({
  jobs,
  secrets,
  clock,
}: Pick<ReportRouteDeps, 'jobs' | 'secrets' | 'clock'>): (c: Context) => Promise<JobSummary> {
  return async (c) => {
    const { id, server_serial: serial = '' } = c.req.param() as { id?: string; server_serial?: string }
    const given = c.req.header(SECRET_HEADER)
    // Without a secret there is none to derive.
    const isOf = (job: JobSummary) => given !== undefined && isSecret(given, secrets.webhook(job))
    const isLongOver = ({ updatedAt }: JobSummary) => clock.now().getTime() - updatedAt.getTime() > LATE_MS
    if (id !== undefined) {
      const job = await jobs.find(id)
      if (job === undefined) throw new AppError('job-not-found', `Cannot take the report: there is no job "${id}"`)
      if (isOf(job)) return job
      throw new AppError('unauthenticated', `Cannot take the report: ${SECRET_HEADER} is not the secret of job ${id}`)
    }
    for (const back of JOBS_BACK) {
      const candidates = await jobs.ofServer(serial, back)
      if (candidates.length === 0)
        throw new AppError('job-not-found', `Cannot take the report: server "${serial}" never had a job`)
      const job = candidates.find(isOf)
      if (job !== undefined) return job
      // One after the other: those before it ended earlier.
      const oldest = candidates.at(-1)
      if (given === undefined || candidates.length < back || oldest === undefined || isLongOver(oldest)) break
    }
    throw new AppError('unauthenticated', `Cannot take the report: ${SECRET_HEADER} is of no job of server "${serial}"`)
  }
}

function eventOf(report: FromSchema<typeof REPORT>): JobEvent {
  if (report.status === 'success') return { type: 'reported-success' }
  const message = report.message?.slice(-MAX_MESSAGE) ?? null
  return { type: 'reported-failure', failedStep: report.failed_step ?? '', message }
}

/** Compared by digest, so neither the content nor the length shows in the time it takes. */
function isSecret(given: string, expected: string): boolean {
  return timingSafeEqual(Buffer.from(sha256(given)), Buffer.from(sha256(expected)))
}

function phaseOf(step: string): JobPhase {
  return step === 'provision-dispatcher' ? 'dispatching' : `running:${step}`
}
