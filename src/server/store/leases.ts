import type { DatabaseSync } from 'node:sqlite'
import type { JobLeases } from '../jobs/ports.ts'
import type { Commits } from './commits.ts'
import { jobFromRow, text } from './job-row.ts'

/** Jobs that end or wait go before those that have not begun, whatever they are. */
const MAX_BEGUN = 500

/** Who works on which job. A worker is a row; one that is gone from the table holds nothing. */
export function sqliteLeases(db: DatabaseSync, commits: Commits): JobLeases {
  const enlist = db.prepare('INSERT INTO workers VALUES (?, 0) ON CONFLICT (name) DO UPDATE SET beat = beat + 1')
  const begun = db.prepare(
    `SELECT id FROM jobs WHERE lease_worker IS NULL AND status <> 'complete' AND status <> 'queued' LIMIT ${MAX_BEGUN}`,
  )
  const queued = db.prepare(
    `SELECT id FROM jobs WHERE lease_worker IS NULL AND status <> 'complete' AND status = 'queued' ORDER BY id LIMIT ?`,
  )
  const take = db.prepare(
    `UPDATE jobs SET lease_worker = ?1 WHERE id = ?2 AND lease_worker IS NULL
     AND EXISTS (SELECT 1 FROM workers WHERE name = ?1)`,
  )
  const byId = db.prepare('SELECT jobs.*, recipe FROM jobs JOIN recipes ON job_id = id WHERE id = ?')
  const beat = db.prepare('UPDATE workers SET beat = beat + 1 WHERE name = ?')
  const ended = db.prepare("SELECT id FROM jobs WHERE lease_worker = ? AND status IN ('succeeded', 'failed')")
  const workers = db.prepare('SELECT name, beat FROM workers')
  const strike = db.prepare('DELETE FROM workers WHERE name = ? AND beat = ?')
  const free = db.prepare("UPDATE jobs SET lease_worker = NULL WHERE lease_worker = ? AND status <> 'complete'")

  return {
    async enlist(worker) {
      await commits.write(() => {
        enlist.run(worker)
        free.run(worker)
      })
    },
    async lease(worker, max) {
      const ids = [...begun.all(), ...queued.all(Math.max(0, max))].map((row) => text(row, 'id'))
      if (ids.length === 0) return []
      const taken = await commits.write(() => ids.filter((id) => take.run(worker, id).changes === 1))
      return taken.map((id) => byId.get(id)).flatMap((row) => (row === undefined ? [] : [jobFromRow(row)]))
    },
    beat: (worker) => commits.write(() => beat.run(worker).changes === 1),
    ended: async (worker) => ended.all(worker).map((row) => text(row, 'id')),
    workers: async () => workers.all().map((row) => ({ name: text(row, 'name'), beat: Number(row['beat']) })),
    bury: (worker, lastBeat) =>
      commits.write(() => {
        if (strike.run(worker, lastBeat).changes !== 1) return false
        free.run(worker)
        return true
      }),
    async releaseAll(worker) {
      await commits.write(() => free.run(worker))
    },
  }
}
