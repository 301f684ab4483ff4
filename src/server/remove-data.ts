import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { dataPaths } from '../config.ts'
import { hasCode } from '../shared/system-error.ts'
import { holdDirectory } from './store/database.ts'

/** Removes a data directory that no controller uses. @throws `config-invalid` when one runs on it */
export async function removeData(path: string): Promise<void> {
  if (!existsSync(path)) return rm(path, { force: true })
  const held = holdDirectory(dataPaths(path).lock)
  try {
    await rm(path, { recursive: true, force: true })
  } catch (error) {
    // rmdir(2): a mount point can only be emptied; whoever mounted it takes it away.
    const emptied = hasCode(error, 'EBUSY') && (await readdir(path)).length === 0
    if (!emptied) throw error
  } finally {
    held.close()
  }
}
