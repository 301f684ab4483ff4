import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { AppError } from '../../shared/errors.ts'

/** SQLITE_BUSY, "Result and Error Codes" of SQLite. */
const SQLITE_BUSY = 5

/**
 * Makes this process the only one that changes the storage below `root`, until `release`. The lock is SQLite's on an
 * empty database: the kernel gives it back when the process dies, however it dies, so there is never one to clear.
 * @throws `data-in-use`
 */
export function ownStorage(root: string): { release(): void } {
  const lock = new DatabaseSync(join(root, 'owner.lock'))
  try {
    lock.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if (!(error instanceof Error) || !('errcode' in error) || error.errcode !== SQLITE_BUSY) throw error
    throw new AppError('data-in-use', `Cannot open "${root}": another process has it open`, { cause: error })
  }
  return { release: () => lock.close() }
}
