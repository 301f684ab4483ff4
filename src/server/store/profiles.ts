import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../../shared/time.ts'
import type { LearnedProfile, LearnedProfiles } from '../jobs/bmc-ports.ts'
import type { Commits } from './commits.ts'
import { directCommits } from './commits.ts'
import { text } from './job-row.ts'

/** Learned profiles in SQLite, one row for each model and firmware. */
export function sqliteLearnedProfiles(
  db: DatabaseSync,
  clock: Clock,
  commits: Commits = directCommits(db),
): LearnedProfiles {
  const find = db.prepare('SELECT profile FROM bmc_profiles WHERE model = ? AND firmware = ?')
  const save = db.prepare(
    `INSERT INTO bmc_profiles VALUES (?, ?, ?, ?)
     ON CONFLICT (model, firmware) DO UPDATE SET profile = excluded.profile, updated_at = excluded.updated_at`,
  )
  return {
    async find(model, firmware) {
      const row = find.get(model, firmware)
      return row === undefined ? undefined : (JSON.parse(text(row, 'profile')) as LearnedProfile)
    },
    async save(model, firmware, profile) {
      await commits.write(() => save.run(model, firmware, JSON.stringify(profile), clock.now().toISOString()))
    },
  }
}
