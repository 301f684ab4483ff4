import type { DatabaseSync } from 'node:sqlite'
import { AppError } from '../../shared/errors.ts'
import type { NetworkPlan } from '../../shared/task/job-file.ts'
import type { Server, ServerStore } from '../jobs/ports.ts'
import type { Seal } from '../keys.ts'
import { isConstraint } from './database.ts'
import type { Row } from './job-row.ts'
import { optional, text } from './job-row.ts'

/** Servers in SQLite; BMC passwords are sealed before they are written. */
export function sqliteServerStore(db: DatabaseSync, seal: Seal): ServerStore {
  const insert = db.prepare('INSERT INTO servers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const bySerial = db.prepare('SELECT * FROM servers WHERE serial = ?')
  const all = db.prepare('SELECT * FROM servers ORDER BY serial')
  const remove = db.prepare('DELETE FROM servers WHERE serial = ?')

  const fromRow = (row: Row): Server => ({
    serial: text(row, 'serial'),
    uuid: optional(row, 'uuid'),
    bmc: {
      serial: text(row, 'serial'),
      url: text(row, 'bmc_url'),
      username: text(row, 'bmc_username'),
      password: seal.open(row['bmc_password'] as Uint8Array, text(row, 'serial')),
      verifyTls: row['verify_tls'] === 1,
    },
    vendor: optional(row, 'vendor'),
    network: row['network'] === null ? null : (JSON.parse(text(row, 'network')) as NetworkPlan),
    createdAt: new Date(text(row, 'created_at')),
  })

  return {
    async add({ serial, uuid, bmc, vendor, network, createdAt }) {
      const password = seal.close(bmc.password, serial)
      const plan = network === null ? null : JSON.stringify(network)
      try {
        insert.run(
          serial,
          uuid,
          bmc.url,
          bmc.username,
          password,
          bmc.verifyTls ? 1 : 0,
          vendor,
          plan,
          createdAt.toISOString(),
        )
      } catch (error) {
        if (!isConstraint(error, 'servers.serial')) throw error
        throw new AppError('server-exists', `Cannot add server "${serial}": it is registered already`)
      }
    },
    async find(serial) {
      const row = bySerial.get(serial)
      return row === undefined ? undefined : fromRow(row)
    },
    list: async () => all.all().map(fromRow),
    remove: async (serial) => remove.run(serial).changes === 1,
  }
}
