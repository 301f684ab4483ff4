import { DatabaseSync } from 'node:sqlite'
import { AppError } from '../../shared/errors.ts'
import { MIGRATIONS } from './migrations.ts'

/**
 * Opens the controller's database and brings it to the newest version. `synchronous=FULL`: what a client was told is
 * stored survives a power cut.
 * @throws `config-invalid` when a newer program wrote it
 */
export function openDatabase(path: string): DatabaseSync {
  const db = new DatabaseSync(path)
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000')
  migrate(db, path)
  return db
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
    db.exec('ROLLBACK')
    throw error
  }
}

/** SQLITE_CONSTRAINT_UNIQUE and SQLITE_CONSTRAINT_PRIMARYKEY. */
export function isConstraint(error: unknown, column: string): boolean {
  return error instanceof Error && error.message.includes('constraint failed') && error.message.includes(column)
}
