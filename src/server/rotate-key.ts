import type { DatabaseSync } from 'node:sqlite'
import { dataPaths } from '../config.ts'
import { AppError } from '../shared/errors.ts'
import { loadKeys, replaceMasterKey } from './keys.ts'
import { holdDirectory, openDatabase } from './store/database.ts'
import { resealPasswords, sealedSample } from './store/sealed-passwords.ts'

/**
 * Gives a stopped controller another master key: every stored BMC password is sealed with it. Secrets of jobs are derived
 * from the key, so no job may be active.
 * @throws `config-invalid` when the controller runs, or its key is not the right one; `job-active`
 */
export async function rotateMasterKey(dataDir: string): Promise<void> {
  const paths = dataPaths(dataDir)
  const held = holdDirectory(paths.lock)
  try {
    const db = openDatabase(paths.database)
    try {
      refuseActiveJobs(db)
      await loadKeys(paths.keys, sealedSample(db))
      await replaceMasterKey(paths.keys, (from, to) => resealPasswords(db, from, to))
    } finally {
      db.close()
    }
  } finally {
    held.close()
  }
}

function refuseActiveJobs(db: DatabaseSync): void {
  const active = db.prepare("SELECT COUNT(*) AS n FROM jobs WHERE status <> 'complete'").get()?.['n']
  if (active === 0) return
  throw new AppError('job-active', `Cannot replace the key: ${active} jobs are active, and their secrets come from it`)
}
