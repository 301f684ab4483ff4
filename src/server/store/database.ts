import { chmodSync, closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { AppError } from '../../shared/errors.ts'
import { openSqlite } from '../../shared/sqlite.ts'
import { MIGRATIONS } from './migrations.ts'

/**
 * SQLite copies its log into the database when it has a thousand pages, and flushes the disk twice, in the middle of
 * somebody's commit. Here a thread does that (checkpointer.ts); this is for the day when that is gone.
 */
const CHECKPOINT_PAGES = 20_000

/** Opens the controller's database, readable by its owner only, at the newest version. @throws `config-invalid` */
export function openDatabase(path: string): DatabaseSync {
  if (path !== ':memory:') makePrivate(path)
  const db = openSqlite(path, MIGRATIONS)
  db.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
  return db
}

/**
 * Holds the data directory for this process: two controllers on one database would each take the other's jobs for their
 * own, and start servers twice. The kernel lets go when the process ends, whatever ended it.
 * @throws `config-invalid` when another process holds it
 */
export function holdDirectory(path: string): { close(): void } {
  makePrivate(path)
  const lock = new DatabaseSync(path)
  try {
    lock.exec('PRAGMA busy_timeout = 300; BEGIN EXCLUSIVE')
    return lock
  } catch (cause) {
    lock.close()
    if (!(cause instanceof Error) || !cause.message.includes('locked')) throw cause
    throw new AppError('config-invalid', `Cannot use "${path}": another provisioner is running on this data directory`)
  }
}

/** Recipes, logs and media tokens are in it, whatever the directory's mode. SQLite gives its other files the same mode. */
function makePrivate(path: string): void {
  closeSync(openSync(path, 'a', 0o600))
  chmodSync(path, 0o600)
}

/** SQLITE_CONSTRAINT_UNIQUE and SQLITE_CONSTRAINT_PRIMARYKEY. */
export function isConstraint(error: unknown, column: string): boolean {
  return error instanceof Error && error.message.includes('constraint failed') && error.message.includes(column)
}
