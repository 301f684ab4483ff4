import type { SQLOutputValue } from 'node:sqlite'
import type { Job, JobOutcome, JobPhase, JobStatus, Progress } from '../jobs/machine.ts'

export type Row = Record<string, SQLOutputValue>

/** The columns of a job that `insert` and `update` write, in the order of `jobValues`. */
export const JOB_COLUMNS = [
  'id',
  'server_serial',
  'status',
  'phase',
  'outcome',
  'failed_step',
  'message',
  'recipe',
  'task_target',
  'attempt',
  'media_token',
  'idempotency_key',
  'retry_of',
  'progress',
  'created_at',
  'updated_at',
  'deadline',
  'version',
] as const

export function jobValues(job: Job): (string | number | null)[] {
  return [
    job.id,
    job.serverSerial,
    job.status,
    job.phase,
    job.outcome,
    job.failedStep,
    job.message,
    job.recipeText,
    job.taskTarget,
    job.attempt,
    job.mediaToken,
    job.idempotencyKey,
    job.retryOf,
    job.progress === null ? null : JSON.stringify(job.progress),
    job.createdAt.toISOString(),
    job.updatedAt.toISOString(),
    job.deadline?.toISOString() ?? null,
    job.version,
  ]
}

export function jobFromRow(row: Row): Job {
  return {
    id: text(row, 'id'),
    serverSerial: text(row, 'server_serial'),
    status: text(row, 'status') as JobStatus,
    phase: optional(row, 'phase') as JobPhase | null,
    outcome: optional(row, 'outcome') as JobOutcome | null,
    failedStep: optional(row, 'failed_step'),
    message: optional(row, 'message'),
    recipeText: text(row, 'recipe'),
    taskTarget: text(row, 'task_target'),
    attempt: Number(row['attempt']),
    mediaToken: text(row, 'media_token'),
    idempotencyKey: optional(row, 'idempotency_key'),
    retryOf: optional(row, 'retry_of'),
    progress: progressFrom(optional(row, 'progress')),
    createdAt: new Date(text(row, 'created_at')),
    updatedAt: new Date(text(row, 'updated_at')),
    deadline: row['deadline'] === null ? null : new Date(text(row, 'deadline')),
    version: Number(row['version']),
  }
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
