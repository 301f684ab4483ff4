import type { DatabaseSync } from 'node:sqlite'
import { sqliteServerStore } from '../../../src/server/store/servers.ts'
import { PLAIN_SEAL } from './with-worker.ts'

const BMC = { url: 'https://192.0.2.7', username: 'root', password: 'hunter2', verifyTls: false }

/** Jobs are of servers that are registered. Gives the database. */
export async function withServers(db: DatabaseSync, ...serials: readonly string[]): Promise<DatabaseSync> {
  const servers = sqliteServerStore(db, PLAIN_SEAL)
  const none = { uuid: null, vendor: null, network: null, createdAt: new Date(0) }
  for (const serial of serials) await servers.add({ serial, bmc: BMC, ...none })
  return db
}
