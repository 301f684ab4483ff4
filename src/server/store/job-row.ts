import type { SQLOutputValue } from 'node:sqlite'
import type { Job, JobOutcome, JobPhase, JobStatus, JobSummary, Progress } from '../jobs/machine.ts'

export type Row = Record<string, SQLOutputValue>

/** What never changes once a job is stored, in the order of `fixedValues`. The recipe is a table of its own. */
export const FIXED_COLUMNS = [
  'id',
  'server_serial',
  'task_target',
  'attempt',
  'media_token',
  'idempotency_key',
  'retry_of',
  'created_at',
] as const

/** What `save` writes, in the order of `changingValues`. */
export const CHANGING_COLUMNS = [
  'status',
  'phase',
  'outcome',
  'failed_step',
  'message',
  'progress',
  'updated_at',
  'deadline',
  'silent_since',
  'maintenance',
  'task',
  'version',
] as const

type Value = string | number | null

export function fixedValues(job: Job): Value[] {
  const { id, serverSerial, taskTarget, attempt, mediaToken, idempotencyKey, retryOf, createdAt } = job
  return [id, serverSerial, taskTarget, attempt, mediaToken, idempotencyKey, retryOf, createdAt.toISOString()]
}

export function changingValues(job: JobSummary): Value[] {
  return [
    job.status,
    job.phase,
    job.outcome,
    job.failedStep,
    job.message,
    job.progress === null ? null : JSON.stringify(job.progress),
    job.updatedAt.toISOString(),
    job.deadline?.toISOString() ?? null,
    job.silentSince?.toISOString() ?? null,
    job.maintenance,
    job.task,
    job.version,
  ]
}

export function jobFromRow(row: Row): Job {
  return { ...summaryFromRow(row), recipeText: text(row, 'recipe') }
}

export function summaryFromRow(row: Row): JobSummary {
  return {
    id: text(row, 'id'),
    serverSerial: text(row, 'server_serial'),
    status: text(row, 'status') as JobStatus,
    phase: optional(row, 'phase') as JobPhase | null,
    outcome: optional(row, 'outcome') as JobOutcome | null,
    failedStep: optional(row, 'failed_step'),
    message: optional(row, 'message'),
    taskTarget: text(row, 'task_target'),
    attempt: Number(row['attempt']),
    mediaToken: text(row, 'media_token'),
    idempotencyKey: optional(row, 'idempotency_key'),
    retryOf: optional(row, 'retry_of'),
    progress: progressFrom(optional(row, 'progress')),
    createdAt: new Date(text(row, 'created_at')),
    updatedAt: new Date(text(row, 'updated_at')),
    deadline: timeFrom(optional(row, 'deadline')),
    maintenance: optional(row, 'maintenance'),
    task: optional(row, 'task'),
    silentSince: timeFrom(optional(row, 'silent_since')),
    version: Number(row['version']),
  }
}

function timeFrom(written: string | null): Date | null {
  return written === null ? null : new Date(written)
}

function progressFrom(json: string | null): Progress | null {
  if (json === null) return null
  const stored = JSON.parse(json) as Omit<Progress, 'at'> & { at: string }
  return { ...stored, at: new Date(stored.at) }
}

export function text(row: Row, column: string): string {
  return String(row[column])
}

export function optional(row: Row, column: string): string | null {
  const value = row[column]
  return value === null || value === undefined ? null : String(value)
}
