import type { SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import type { Digest } from '../../shared/digest.ts'
import { parseDigest } from '../../shared/digest.ts'
import { openSqlite, transaction } from '../../shared/sqlite.ts'

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

/** Opens or creates the database and brings its schema up to date. @throws `config-invalid` when a newer program wrote it */
export function openDatabase(path: string, migrations: readonly string[]): Database {
  const db = openSqlite(path, migrations)
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
    transaction: (action) => transaction(db, action),
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
  return database
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
