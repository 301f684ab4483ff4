import type { Database } from './sqlite-database.ts'
import type { RevisionIndex } from './storage.ts'

/** What decides which manifest a name stands for. */
const TABLES = ['repositories', 'tags', 'repository_manifests', 'manifests']

/**
 * A number that triggers move inside the very transaction that changes a row, foreign keys' cascades included: no writer
 * can forget it. Changes by another process move SQLite's own `data_version`, which is looked at once in each turn of the
 * event loop: an answer that depends on another process has crossed a socket, and that takes a turn.
 */
export function sqliteRevision(db: Database): RevisionIndex {
  let own = 0
  let others: number | undefined
  db.define('manifests_changed', () => {
    own++
  })
  for (const table of TABLES) {
    for (const change of ['INSERT', 'UPDATE', 'DELETE']) {
      db.run(
        `CREATE TEMP TRIGGER revision_${table}_${change} AFTER ${change} ON main.${table}
         BEGIN SELECT manifests_changed(); END`,
      )
    }
  }
  return {
    revision() {
      if (others === undefined) {
        others = Number(db.get('PRAGMA data_version')?.['data_version'])
        setImmediate(() => {
          others = undefined
        })
      }
      // Both only ever grow.
      return own + others
    },
  }
}
