import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { AppError } from '../../shared/errors.ts'
import type { Job, JobSummary } from '../jobs/machine.ts'
import type { HistoryEntry, JobFilter, JobStore, NewEntry } from '../jobs/ports.ts'
import { HISTORY_PAGE } from '../jobs/ports.ts'
import type { Commits } from './commits.ts'
import { directCommits } from './commits.ts'
import { isConstraint } from './database.ts'
import type { Row } from './job-row.ts'
import {
  CHANGING_COLUMNS,
  changingValues,
  FIXED_COLUMNS,
  fixedValues,
  jobFromRow,
  summaryFromRow,
  text,
} from './job-row.ts'
import { sqliteLeases } from './leases.ts'
import { sqlitePruning } from './pruning.ts'

/** Of one job; the newest logs stay. */
export const MAX_LOG_BYTES = 32 * 1024 * 1024
/** Of all jobs: what a failed job said is of use for some weeks, and each backup copies it. */
const LOG_LIMITS = { maxBytes: 1024 * 1024 * 1024, maxAgeMs: 90 * 86_400_000, pruneEvery: 100 }
/** At a time, so that no other change waits long. */
const PRUNED_LOGS = 500
/** Entries of a history; what the controller itself says is written beyond it too. */
const MAX_PHASES = 500
/** The queue moves by some jobs a second. */
const QUEUE_RETRY_SECONDS = 30

type Note = (id: string, entry: NewEntry, now: Date) => void

/** Told of each entry of a history once it is stored. */
export type OnEntry = (jobId: string, entry: HistoryEntry) => void

/** Jobs, their history and their logs in SQLite. What a promise of it says is stored would survive a loss of power. */
export function sqliteJobStore(
  db: DatabaseSync,
  commits: Commits = directCommits(db),
  onEntry: OnEntry = () => undefined,
  limits = LOG_LIMITS,
): JobStore {
  const columns = [...FIXED_COLUMNS, ...CHANGING_COLUMNS]
  const insert = db.prepare(`INSERT INTO jobs (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`)
  const isServer = db.prepare('SELECT 1 FROM servers WHERE serial = ?')
  const insertRecipe = db.prepare('INSERT INTO recipes VALUES (?, ?)')
  const update = db.prepare(
    `UPDATE jobs SET ${CHANGING_COLUMNS.map((column) => `${column} = ?`).join(', ')}
     WHERE id = ? AND version = ? AND (? IS NULL OR lease_worker = ?)`,
  )
  const whole = 'SELECT jobs.*, recipe FROM jobs JOIN recipes ON job_id = id WHERE'
  const byId = db.prepare(`${whole} id = ?`)
  const byKey = db.prepare(`${whole} idempotency_key = ?`)
  const byToken = db.prepare(`${whole} media_token = ?`)
  const byServer = db.prepare('SELECT * FROM jobs WHERE server_serial = ? ORDER BY id DESC LIMIT ?')
  const images = db.prepare("SELECT DISTINCT maintenance FROM jobs WHERE status <> 'complete' AND maintenance <> ''")
  const queued = db.prepare("SELECT COUNT(*) AS n FROM jobs WHERE status = 'queued'")
  // Phases and events of steps are worded by the maintenance OS; without a limit it could write for ever.
  const append = db.prepare(
    `INSERT INTO history SELECT ?1, COALESCE(MAX(seq), 0) + 1, ?2, ?3, ?4 FROM history WHERE job_id = ?1
     HAVING ?3 NOT IN ('phase', 'step') OR COUNT(*) < ${MAX_PHASES} RETURNING *`,
  )
  const history = db.prepare('SELECT * FROM history WHERE job_id = ? AND seq > ? ORDER BY seq LIMIT ?')
  const lastEntry = db.prepare('SELECT * FROM history WHERE job_id = ? AND type = ? ORDER BY seq DESC LIMIT 1')
  const hasEntry = db.prepare('SELECT 1 FROM history WHERE job_id = ? AND type = ? AND message = ?')
  const addLog = db.prepare('INSERT INTO logs (job_id, at, text) VALUES (?, ?, ?)')
  const dropLogs = db.prepare(
    `DELETE FROM logs WHERE id IN (SELECT id FROM (
       SELECT id, SUM(octet_length(text)) OVER (ORDER BY id DESC) AS newer FROM logs WHERE job_id = ?) WHERE newer > ?)`,
  )
  const dropOld = db.prepare(`DELETE FROM logs WHERE id IN (SELECT id FROM logs WHERE at < ? LIMIT ${PRUNED_LOGS})`)
  const dropMany = db.prepare(
    `DELETE FROM logs WHERE id IN (SELECT id FROM (
       SELECT id, SUM(octet_length(text)) OVER (ORDER BY id DESC) AS newer FROM logs)
     WHERE newer > ? ORDER BY id LIMIT ${PRUNED_LOGS})`,
  )
  let logged = 0
  const list = jobList(db)
  const logs = db.prepare('SELECT at, text FROM logs WHERE job_id = ? ORDER BY id')

  const one = (row: Row | undefined): Job | undefined => (row === undefined ? undefined : jobFromRow(row))

  /** One transaction; the entries it writes are told of when they are on the disk. */
  async function told<T>(action: (note: Note) => T): Promise<T> {
    const written: (readonly [string, HistoryEntry])[] = []
    const result = await commits.write(() =>
      action((id, { type, message }, now) => {
        const row = append.get(id, now.toISOString(), type, message)
        if (row !== undefined) written.push([id, entryFromRow(row)])
      }),
    )
    for (const [id, entry] of written) onEntry(id, entry)
    return result
  }

  function store(job: Job, entry: NewEntry, maxQueued: number, note: Note): Job {
    const known = job.idempotencyKey === null ? undefined : one(byKey.get(job.idempotencyKey))
    if (known !== undefined) return known
    if (Number(queued.get()?.['n']) >= maxQueued) throw queueFull(maxQueued)
    // Asked where it is stored: the server may have been removed since the request was checked.
    if (isServer.get(job.serverSerial) === undefined) throw noServer(job)
    insert.run(...fixedValues(job), ...changingValues(job))
    insertRecipe.run(job.id, job.recipeText)
    note(job.id, entry, job.createdAt)
    return job
  }

  return {
    ...sqliteLeases(db, commits),
    ...sqlitePruning(db, commits),
    async create(job, entry, maxQueued = Number.POSITIVE_INFINITY) {
      try {
        return await told((note) => store(job, entry, maxQueued, note))
      } catch (error) {
        if (!isConstraint(error, 'server_serial')) throw error
        throw activeJob(job, byServer.get(job.serverSerial, 1))
      }
    },
    find: async (id) => one(byId.get(id)),
    byIdempotencyKey: async (key) => one(byKey.get(key)),
    ofServer: async (serial, limit) => byServer.all(serial, limit).map(summaryFromRow),
    list: async (filter) => list(filter),
    activeImages: () => new Set(images.all().map((row) => text(row, 'maintenance'))),
    byMediaToken: async (token) => one(byToken.get(token)),
    save: (job, entries, now, worker) =>
      told((note) => {
        const next = { ...job, version: job.version + 1 }
        if (update.run(...changingValues(next), job.id, job.version, worker ?? null, worker ?? null).changes !== 1)
          return undefined
        for (const entry of entries) note(job.id, entry, now)
        return next
      }),
    flushed: () => commits.flushed(),
    history: async (id, after) => history.all(id, after, HISTORY_PAGE).map(entryFromRow),
    async lastEntry(id, type) {
      const row = lastEntry.get(id, type)
      return row === undefined ? undefined : entryFromRow(row)
    },
    async note(id, entry, now) {
      await told((note) => note(id, entry, now))
    },
    async noteOnce(id, entry, now) {
      await told((note) => {
        if (hasEntry.get(id, entry.type, entry.message) === undefined) note(id, entry, now)
      })
    },
    async addLog(id, log, now) {
      await commits.write(() => {
        addLog.run(id, now.toISOString(), log)
        dropLogs.run(id, MAX_LOG_BYTES)
        if (logged++ % limits.pruneEvery !== 0) return
        dropOld.run(new Date(now.getTime() - limits.maxAgeMs).toISOString())
        dropMany.run(limits.maxBytes)
      })
    },
    logs: async (id) => logs.all(id).map((row) => ({ at: new Date(text(row, 'at')), text: text(row, 'text') })),
  }
}

/** Each combination of filters is prepared once. */
function jobList(db: DatabaseSync): (filter: JobFilter) => readonly JobSummary[] {
  const statements = new Map<string, StatementSync>()
  function prepared(sql: string): StatementSync {
    const known = statements.get(sql) ?? db.prepare(sql)
    statements.set(sql, known)
    return known
  }
  return function list({ status, outcome, server, target, before, limit }) {
    const rows = [
      ['status = ?', status],
      ['outcome = ?', outcome],
      ['server_serial = ?', server],
      ['task_target = ?', target],
      ['id < ?', before],
    ] as const
    const used = rows.flatMap(([condition, value]) => (value === undefined ? [] : [{ condition, value }]))
    const where = used.length === 0 ? '' : `WHERE ${used.map(({ condition }) => condition).join(' AND ')}`
    const statement = prepared(`SELECT * FROM jobs ${where} ORDER BY id DESC LIMIT ?`)
    return statement.all(...used.map(({ value }) => value), limit).map(summaryFromRow)
  }
}

function activeJob(job: Job, other: Row | undefined): AppError {
  const activeId = other === undefined ? undefined : text(other, 'id')
  return new AppError('job-active', `Cannot create a job for "${job.serverSerial}": job ${activeId} is still active`, {
    facts: { serial: job.serverSerial, activeJob: activeId },
  })
}

function noServer({ serverSerial: serial }: Job): AppError {
  return new AppError('server-not-found', `Cannot create a job: server "${serial}" is not registered`)
}

function queueFull(maxQueued: number): AppError {
  const text = `Cannot take the job: ${maxQueued} others wait to be begun`
  return new AppError('queue-full', text, { retryAfterSeconds: QUEUE_RETRY_SECONDS })
}

function entryFromRow(row: Row): HistoryEntry {
  return {
    seq: Number(row['seq']),
    at: new Date(text(row, 'at')),
    type: text(row, 'type'),
    message: text(row, 'message'),
  }
}
