import type { SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import { DatabaseSync } from 'node:sqlite'
import type { Digest } from '../../shared/digest.ts'
import { parseDigest } from '../../shared/digest.ts'
import { AppError } from '../../shared/errors.ts'

export type Row = Readonly<Record<string, SQLOutputValue>>

/** SQLite as the queries see it: every statement is prepared once. */
export interface Database {
  get(sql: string, ...values: SQLInputValue[]): Row | undefined
  all(sql: string, ...values: SQLInputValue[]): readonly Row[]
  /** Returns the number of changed rows. */
  run(sql: string, ...values: SQLInputValue[]): number
  /** All or nothing, durable when it returns. `action` is synchronous: nothing else runs in between. */
  transaction<T>(action: () => T): T
  /**
   * One statement that a power failure (not a crash of the program) may undo: no wait for the disk. For what is only
   * good to know, such as when a blob was last asked for.
   */
  note(sql: string, ...values: SQLInputValue[]): number
  /** A function that triggers may call, in the transaction that fires them. */
  define(name: string, action: () => void): void
  close(): void
}

/**
 * Opens or creates the database and brings its schema up to date. WAL with `synchronous=FULL`: a transaction that
 * returned survives a power failure (SQLite, "PRAGMA synchronous").
 * @throws `config-invalid` when a newer program wrote it
 */
export function openDatabase(path: string, migrations: readonly string[]): Database {
  const db = new DatabaseSync(path)
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000;`)
  const statements = new Map<string, StatementSync>()
  function prepared(sql: string): StatementSync {
    const known = statements.get(sql)
    if (known !== undefined) return known
    const statement = db.prepare(sql)
    statements.set(sql, statement)
    return statement
  }
  const database: Database = {
    get: (sql, ...values) => prepared(sql).get(...values),
    all: (sql, ...values) => prepared(sql).all(...values),
    run: (sql, ...values) => Number(prepared(sql).run(...values).changes),
    transaction(action) {
      // IMMEDIATE: the write lock is taken at once, so what was read stays true until the commit.
      db.exec('BEGIN IMMEDIATE')
      try {
        const result = action()
        db.exec('COMMIT')
        return result
      } catch (error) {
        // SQLite has rolled back already after some errors, a full disk for one.
        if (db.isTransaction) db.exec('ROLLBACK')
        throw error
      }
    },
    note(sql, ...values) {
      db.exec('PRAGMA synchronous = NORMAL')
      try {
        return database.run(sql, ...values)
      } finally {
        db.exec('PRAGMA synchronous = FULL')
      }
    },
    define(name, action) {
      db.function(name, () => {
        action()
        return null
      })
    },
    close: () => db.close(),
  }
  try {
    migrate(database, db, path, migrations)
  } catch (error) {
    db.close()
    throw error
  }
  return database
}

function migrate(database: Database, db: DatabaseSync, path: string, migrations: readonly string[]): void {
  const version = Number(database.get('PRAGMA user_version')?.['user_version'] ?? 0)
  if (version > migrations.length) {
    throw new AppError(
      'config-invalid',
      `Cannot open "${path}": it has schema ${version}, this program knows up to ${migrations.length}`,
    )
  }
  migrations.slice(version).forEach((sql, index) => {
    database.transaction(() => db.exec(`${sql}; PRAGMA user_version = ${version + index + 1}`))
  })
}

/** The row id of a repository, which comes into being with its first content. */
export function repositoryId(db: Database, name: string): number {
  db.run('INSERT INTO repositories (name) VALUES (?) ON CONFLICT DO NOTHING', name)
  return Number(db.get('SELECT id FROM repositories WHERE name = ?', name)?.['id'])
}

/** A digest column: only checked digests are ever stored. */
export function digestColumn(row: Row, name: string): Digest {
  return parseDigest(String(row[name]))
}
