import { DatabaseSync } from 'node:sqlite'
import { AppError } from './errors.ts'

/**
 * Opens or creates a database and brings its schema up to date. WAL with `synchronous=FULL`: a transaction that returned
 * survives a power cut (SQLite, "PRAGMA synchronous").
 * @param migrations every change of the schema, in order, append only; `user_version` counts those applied
 * @throws `config-invalid` when a newer program wrote it
 */
export function openSqlite(path: string, migrations: readonly string[]): DatabaseSync {
  const db = new DatabaseSync(path)
  try {
    db.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000',
    )
    migrate(db, path, migrations)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/**
 * Runs `action` between BEGIN IMMEDIATE and COMMIT; an error rolls back. Synchronous, so nothing interleaves; IMMEDIATE
 * takes the write lock at once, so what was read stays true until the commit.
 */
export function transaction<T>(db: DatabaseSync, action: () => T): T {
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = action()
    db.exec('COMMIT')
    return result
  } catch (error) {
    // SQLite has rolled back by itself after some errors, a full disk for one.
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

function migrate(db: DatabaseSync, path: string, migrations: readonly string[]): void {
  const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'])
  if (version > migrations.length) {
    const known = `it has schema ${version}, this program knows up to ${migrations.length}`
    throw new AppError('config-invalid', `Cannot open "${path}": a newer provisioner wrote it (${known})`)
  }
  for (const [index, sql] of migrations.entries()) {
    if (index < version) continue
    transaction(db, () => db.exec(`${sql}; PRAGMA user_version = ${index + 1}`))
  }
}
