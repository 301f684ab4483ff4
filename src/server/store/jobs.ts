import type { DatabaseSync } from 'node:sqlite'
import { AppError } from '../../shared/errors.ts'
import { transaction } from '../../shared/sqlite.ts'
import type { Job } from '../jobs/machine.ts'
import type { HistoryEntry, JobFilter, JobStore, NewEntry } from '../jobs/ports.ts'
import { isConstraint } from './database.ts'
import type { Row } from './job-row.ts'
import { JOB_COLUMNS, jobFromRow, jobValues, text } from './job-row.ts'

/** Of one job; the newest logs stay. */
export const MAX_LOG_BYTES = 32 * 1024 * 1024
/** Entries of a history; what is no phase is written beyond it too. */
const MAX_PHASES = 500

/** Jobs, their history and their logs in SQLite. */
export function sqliteJobStore(db: DatabaseSync): JobStore {
  const insert = db.prepare(
    `INSERT INTO jobs (${JOB_COLUMNS.join(', ')}) VALUES (${JOB_COLUMNS.map(() => '?').join(', ')})`,
  )
  const update = db.prepare(
    `UPDATE jobs SET ${JOB_COLUMNS.map((column) => `${column} = ?`).join(', ')} WHERE id = ? AND version = ?`,
  )
  const byId = db.prepare('SELECT * FROM jobs WHERE id = ?')
  const byKey = db.prepare('SELECT * FROM jobs WHERE idempotency_key = ?')
  const byToken = db.prepare('SELECT * FROM jobs WHERE media_token = ?')
  const byServer = db.prepare('SELECT * FROM jobs WHERE server_serial = ? ORDER BY id DESC LIMIT ?')
  // Phases are named by the maintenance OS; without a limit it could write for ever.
  const append = db.prepare(
    `INSERT INTO history SELECT ?1, COALESCE(MAX(seq), 0) + 1, ?2, ?3, ?4 FROM history WHERE job_id = ?1
     HAVING ?3 <> 'phase' OR COUNT(*) < ${MAX_PHASES}`,
  )
  const history = db.prepare('SELECT * FROM history WHERE job_id = ? AND seq > ? ORDER BY seq LIMIT 1000')
  const addLog = db.prepare('INSERT INTO logs (job_id, at, text) VALUES (?, ?, ?)')
  const dropLogs = db.prepare(
    `DELETE FROM logs WHERE id IN (SELECT id FROM (
       SELECT id, SUM(octet_length(text)) OVER (ORDER BY id DESC) AS newer FROM logs WHERE job_id = ?) WHERE newer > ?)`,
  )
  const logs = db.prepare('SELECT at, text FROM logs WHERE job_id = ? ORDER BY id')
  const leases = sqliteLeases(db)

  const one = (row: Row | undefined): Job | undefined => (row === undefined ? undefined : jobFromRow(row))
  const write = (id: string, entry: NewEntry, now: Date) => append.run(id, now.toISOString(), entry.type, entry.message)

  return {
    ...leases,
    async create(job, entry) {
      const known = job.idempotencyKey === null ? undefined : one(byKey.get(job.idempotencyKey))
      if (known !== undefined) return known
      try {
        transaction(db, () => {
          insert.run(...jobValues(job))
          write(job.id, entry, job.createdAt)
        })
      } catch (error) {
        if (!isConstraint(error, 'server_serial')) throw error
        throw activeJob(job, one(byServer.get(job.serverSerial, 1)))
      }
      return job
    },
    find: async (id) => one(byId.get(id)),
    ofServer: async (serial, limit) => byServer.all(serial, limit).map(jobFromRow),
    list: async (filter) => list(db, filter),
    byMediaToken: async (token) => one(byToken.get(token)),
    async save(job, entries, now) {
      const next = { ...job, version: job.version + 1 }
      return transaction(db, () => {
        if (update.run(...jobValues(next), job.id, job.version).changes !== 1) return undefined
        for (const entry of entries) write(job.id, entry, now)
        return next
      })
    },
    history: async (id, after) => history.all(id, after).map(entryFromRow),
    async note(id, entry, now) {
      write(id, entry, now)
    },
    async addLog(id, log, now) {
      transaction(db, () => {
        addLog.run(id, now.toISOString(), log)
        dropLogs.run(id, MAX_LOG_BYTES)
      })
    },
    logs: async (id) => logs.all(id).map((row) => ({ at: new Date(text(row, 'at')), text: text(row, 'text') })),
  }
}

function sqliteLeases(db: DatabaseSync): Pick<JobStore, 'lease' | 'renew' | 'release' | 'releaseAll'> {
  const lease = db.prepare(
    `UPDATE jobs SET lease_worker = ?, lease_until = ?
     WHERE id = (SELECT id FROM jobs WHERE status <> 'complete' AND (lease_until IS NULL OR lease_until < ?) ORDER BY id LIMIT 1)
     RETURNING *`,
  )
  const renew = db.prepare('UPDATE jobs SET lease_until = ? WHERE id = ? AND lease_worker = ?')
  const release = db.prepare(
    'UPDATE jobs SET lease_worker = NULL, lease_until = NULL WHERE id = ? AND lease_worker = ?',
  )
  const releaseAll = db.prepare('UPDATE jobs SET lease_worker = NULL, lease_until = NULL WHERE lease_worker = ?')
  return {
    async lease(worker, now, until) {
      const row = lease.get(worker, until.toISOString(), now.toISOString())
      return row === undefined ? undefined : jobFromRow(row)
    },
    renew: async (id, worker, until) => renew.run(until.toISOString(), id, worker).changes === 1,
    async release(id, worker) {
      release.run(id, worker)
    },
    async releaseAll(worker) {
      releaseAll.run(worker)
    },
  }
}

function list(db: DatabaseSync, filter: JobFilter): readonly Job[] {
  const conditions: string[] = []
  const values: string[] = []
  const rows = [
    ['status = ?', filter.status],
    ['outcome = ?', filter.outcome],
    ['server_serial = ?', filter.server],
    ['id < ?', filter.before],
  ] as const
  for (const [condition, value] of rows) {
    if (value === undefined) continue
    conditions.push(condition)
    values.push(value)
  }
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`
  return db
    .prepare(`SELECT * FROM jobs ${where} ORDER BY id DESC LIMIT ?`)
    .all(...values, filter.limit)
    .map(jobFromRow)
}

function activeJob(job: Job, other: Job | undefined): AppError {
  return new AppError('job-active', `Cannot create a job for "${job.serverSerial}": job ${other?.id} is still active`, {
    facts: { serial: job.serverSerial, activeJob: other?.id },
  })
}

function entryFromRow(row: Row): HistoryEntry {
  return {
    seq: Number(row['seq']),
    at: new Date(text(row, 'at')),
    type: text(row, 'type'),
    message: text(row, 'message'),
  }
}
