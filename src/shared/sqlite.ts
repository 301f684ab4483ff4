import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { AppError } from './errors.ts'

/**
 * Opens or creates a database and brings its schema up to date. WAL with `synchronous=FULL`: a transaction that returned
 * survives a power cut (SQLite, "PRAGMA synchronous").
 * @param migrations every change of the schema, in order, append only; `user_version` counts those applied. An older
 * database is kept as it was beside it, `.schema-N`: the way back, should the new program have to go again.
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
  if (version > 0 && version < migrations.length && path !== ':memory:') keepCopy(db, `${path}.schema-${version}`)
  for (const [index, sql] of migrations.entries()) {
    if (index < version) continue
    transaction(db, () => db.exec(`${sql}; PRAGMA user_version = ${index + 1}`))
  }
}

/** Replaces a copy that an interrupted start left. It holds what the database holds, so only its owner may read it. */
function keepCopy(db: DatabaseSync, path: string): void {
  const partial = `${path}.partial`
  rmSync(partial, { force: true })
  // VACUUM INTO takes an empty file, and keeps its mode (SQLite, "VACUUM").
  const file = openSync(partial, 'wx', 0o600)
  try {
    db.prepare('VACUUM INTO ?').run(partial)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(partial, path)
}
