import { chmodSync, closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { AppError } from '../../shared/errors.ts'
import { MIGRATIONS } from './migrations.ts'

/**
 * Opens the controller's database and brings it to the newest version. `synchronous=FULL`: what a client was told is
 * stored survives a power cut.
 * @throws `config-invalid` when a newer program wrote it
 */
export function openDatabase(path: string): DatabaseSync {
  if (path !== ':memory:') makePrivate(path)
  const db = new DatabaseSync(path)
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000')
  migrate(db, path)
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

function migrate(db: DatabaseSync, path: string): void {
  const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'])
  if (version > MIGRATIONS.length) {
    throw new AppError('config-invalid', `Cannot open "${path}": a newer provisioner wrote it (version ${version})`)
  }
  for (const [index, sql] of MIGRATIONS.entries()) {
    if (index < version) continue
    transaction(db, () => db.exec(`${sql}; PRAGMA user_version = ${index + 1}`))
  }
}

/** Runs `action` between BEGIN IMMEDIATE and COMMIT; an error rolls back. Synchronous, so nothing interleaves. */
export function transaction<T>(db: DatabaseSync, action: () => T): T {
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = action()
    db.exec('COMMIT')
    return result
  } catch (error) {
    // SQLite has rolled back by itself when the disk is full.
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

/** SQLITE_CONSTRAINT_UNIQUE and SQLITE_CONSTRAINT_PRIMARYKEY. */
export function isConstraint(error: unknown, column: string): boolean {
  return error instanceof Error && error.message.includes('constraint failed') && error.message.includes(column)
}
