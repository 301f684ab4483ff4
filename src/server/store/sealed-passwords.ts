import type { DatabaseSync } from 'node:sqlite'
import { transaction } from '../../shared/sqlite.ts'
import type { Seal, Sealed } from '../keys.ts'
import { text } from './job-row.ts'

/** One of the sealed passwords, if there is any. */
export function sealedSample(db: DatabaseSync): Sealed | undefined {
  const row = db.prepare('SELECT serial, bmc_password FROM servers ORDER BY serial LIMIT 1').get()
  return row && { bytes: row['bmc_password'] as Uint8Array, context: text(row, 'serial') }
}

/** Seals every password anew, in one transaction. */
export function resealPasswords(db: DatabaseSync, from: Seal, to: Seal): void {
  const update = db.prepare('UPDATE servers SET bmc_password = ? WHERE serial = ?')
  transaction(db, () => {
    for (const row of db.prepare('SELECT serial, bmc_password FROM servers').all()) {
      const serial = text(row, 'serial')
      update.run(to.close(from.open(row['bmc_password'] as Uint8Array, serial), serial), serial)
    }
  })
}
