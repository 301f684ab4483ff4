import type { DatabaseSync } from 'node:sqlite'
import { AppError } from '../../shared/errors.ts'
import type { Logger } from '../../shared/log.ts'
import { startCheckpointer } from './checkpointer.ts'
import type { Commits } from './commits.ts'
import { groupCommits } from './commits.ts'
import { openDatabase } from './database.ts'

/** The connection for what changes hundreds of times a second. Others of the same process see what it has written. */
export interface ChangingDatabase {
  readonly db: DatabaseSync
  readonly commits: Commits
  /** Aborts when a flush failed. Only another process, which reads from the disk what is there, may go on. */
  readonly broken: AbortSignal
  close(): Promise<void>
}

export function openChangingDatabase(path: string, log: Logger): ChangingDatabase {
  const db = openDatabase(path)
  const checkpointer = startCheckpointer(path, log)
  const broken = new AbortController()
  const commits = groupCommits(db, path, {
    onFlushed: checkpointer.ask,
    onBroken(cause) {
      log.error({ err: cause }, 'the database could not be flushed to the disk')
      broken.abort(new AppError('not-ready', 'Cannot go on: the database could not be flushed to the disk', { cause }))
    },
  })
  return {
    db,
    commits,
    broken: broken.signal,
    async close() {
      await commits.close()
      await checkpointer.close()
      db.close()
    },
  }
}
