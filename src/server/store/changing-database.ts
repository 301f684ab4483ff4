import type { DatabaseSync } from 'node:sqlite'
import type { Logger } from '../../shared/log.ts'
import { startCheckpointer } from './checkpointer.ts'
import type { Commits } from './commits.ts'
import { groupCommits } from './commits.ts'
import { openDatabase } from './database.ts'

/** The connection for what changes hundreds of times a second. Others of the same process see what it has written. */
export interface ChangingDatabase {
  readonly db: DatabaseSync
  readonly commits: Commits
  close(): Promise<void>
}

export function openChangingDatabase(path: string, log: Logger): ChangingDatabase {
  const db = openDatabase(path)
  const checkpointer = startCheckpointer(path, log)
  const commits = groupCommits(db, path, checkpointer.ask)
  return {
    db,
    commits,
    async close() {
      await commits.close()
      await checkpointer.close()
      db.close()
    },
  }
}
