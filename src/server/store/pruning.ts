import type { DatabaseSync } from 'node:sqlite'
import type { JobStore } from '../jobs/ports.ts'
import type { Commits } from './commits.ts'
import { text } from './job-row.ts'

/** What a job has, in an order that references allow. */
const TABLES = ['history', 'logs', 'recipes'] as const

/** By its own index: by that of the status all jobs would be read and sorted. */
export const ENDED = `
  SELECT id FROM jobs INDEXED BY ended_jobs WHERE status = 'complete' AND updated_at < ? ORDER BY updated_at LIMIT ?`

/** The pages that become free are used again; the file does not shrink. */
export function sqlitePruning(db: DatabaseSync, commits: Commits): Pick<JobStore, 'prune'> {
  const ended = db.prepare(ENDED)
  const removals = [
    ...TABLES.map((table) => db.prepare(`DELETE FROM ${table} WHERE job_id = ?`)),
    db.prepare('DELETE FROM jobs WHERE id = ?'),
  ]
  return {
    prune: (endedBefore, max) =>
      commits.write(() => {
        const ids = ended.all(endedBefore.toISOString(), max).map((row) => text(row, 'id'))
        for (const id of ids) for (const removal of removals) removal.run(id)
        return ids.length
      }),
  }
}
