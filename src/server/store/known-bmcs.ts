import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../../shared/time.ts'
import type { KnownBmcs } from '../jobs/bmc-ports.ts'
import type { Commits } from './commits.ts'
import { directCommits } from './commits.ts'
import { text } from './job-row.ts'

/** A BMC is asked several times for a job; that it is still the same is not worth a write each time. */
const FRESH_MS = 60 * 60_000

/** What kind of BMC each server has, in SQLite. */
export function sqliteKnownBmcs(db: DatabaseSync, clock: Clock, commits: Commits = directCommits(db)): KnownBmcs {
  const find = db.prepare('SELECT model, firmware, seen_at FROM known_bmcs WHERE serial = ?')
  // Of a server that was removed meanwhile nothing is kept.
  const save = db.prepare(
    `INSERT INTO known_bmcs SELECT serial, ?2, ?3, ?4 FROM servers WHERE serial = ?1
     ON CONFLICT (serial) DO UPDATE SET model = excluded.model, firmware = excluded.firmware, seen_at = excluded.seen_at`,
  )

  function read(serial: string) {
    const row = find.get(serial)
    return row && { model: text(row, 'model'), firmware: text(row, 'firmware'), seenAt: new Date(text(row, 'seen_at')) }
  }

  return {
    async seen(serial, { model, firmware }) {
      const now = clock.now()
      const known = read(serial)
      const isSame = known?.model === model && known.firmware === firmware
      if (isSame && now.getTime() - known.seenAt.getTime() < FRESH_MS) return
      await commits.write(() => save.run(serial, model, firmware, now.toISOString()))
    },
    find: async (serial) => read(serial),
  }
}
