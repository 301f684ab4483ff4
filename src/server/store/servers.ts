import type { DatabaseSync } from 'node:sqlite'
import { AppError } from '../../shared/errors.ts'
import { transaction } from '../../shared/sqlite.ts'
import type { NetworkPlan } from '../../shared/task/job-file.ts'
import type { ListedServer, ServerStore } from '../jobs/ports.ts'
import type { Seal, Sealed } from '../keys.ts'
import type { Commits } from './commits.ts'
import { directCommits } from './commits.ts'
import { isConstraint } from './database.ts'
import { idleServerCheck } from './idle-server.ts'
import type { Row } from './job-row.ts'
import { optional, text } from './job-row.ts'

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

/** Servers in SQLite; BMC passwords are sealed before they are written. */
export function sqliteServerStore(db: DatabaseSync, seal: Seal, commits: Commits = directCommits(db)): ServerStore {
  const insert = db.prepare('INSERT INTO servers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const bySerial = db.prepare('SELECT * FROM servers WHERE serial = ?')
  const remove = db.prepare('DELETE FROM servers WHERE serial = ?')
  const assertIdle = idleServerCheck(db)

  return {
    async add({ serial, uuid, bmc, vendor, network, createdAt }) {
      const password = seal.close(bmc.password, serial)
      const plan = network === null ? null : JSON.stringify(network)
      try {
        const account = [bmc.url, bmc.username, password, bmc.verifyTls ? 1 : 0] as const
        await commits.write(() => insert.run(serial, uuid, ...account, vendor, plan, createdAt.toISOString()))
      } catch (error) {
        if (!isConstraint(error, 'servers.serial')) throw error
        throw new AppError('server-exists', `Cannot add server "${serial}": it is registered already`)
      }
    },
    async find(serial) {
      const row = bySerial.get(serial)
      if (row === undefined) return undefined
      const listed = listedServer(row)
      return { ...listed, bmc: { ...listed.bmc, password: seal.open(row['bmc_password'] as Uint8Array, serial) } }
    },
    remove: (serial) =>
      commits.write(() => {
        assertIdle(serial, 'remove')
        return remove.run(serial).changes === 1
      }),
  }
}

export function listedServer(row: Row): ListedServer {
  return {
    serial: text(row, 'serial'),
    uuid: optional(row, 'uuid'),
    bmc: {
      serial: text(row, 'serial'),
      url: text(row, 'bmc_url'),
      username: text(row, 'bmc_username'),
      verifyTls: row['verify_tls'] === 1,
    },
    vendor: optional(row, 'vendor'),
    network: row['network'] === null ? null : (JSON.parse(text(row, 'network')) as NetworkPlan),
    createdAt: new Date(text(row, 'created_at')),
  }
}
