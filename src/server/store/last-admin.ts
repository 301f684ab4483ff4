import type { DatabaseSync } from 'node:sqlite'
import { AppError } from '../../shared/errors.ts'
import { transaction } from '../../shared/sqlite.ts'

/** A token that expires does not count: the day after, nobody could let anybody in. */
const REMAINS = `
  SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND disabled = 0)
      OR EXISTS (SELECT 1 FROM tokens WHERE owner IS NULL AND role = 'admin' AND expires_at IS NULL) AS remains`

/** Changes accounts in one transaction, unless nobody would be left who can change them again. @throws `last-admin` */
export function keepingAnAdmin<T>(db: DatabaseSync, change: () => T): T {
  return transaction(db, () => {
    const result = change()
    if (db.prepare(REMAINS).get()?.['remains'] === 1) return result
    throw new AppError('last-admin', 'Cannot change the account: nobody else would be left who may change accounts')
  })
}
