import { createHash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { AppError } from '../../shared/errors.ts'
import type { NetworkPlan } from '../../shared/task/job-file.ts'
import type { ListedServer, ServerChange, ServerPage, ServerStore, VersionedServer } from '../jobs/ports.ts'
import type { Seal } from '../keys.ts'
import type { Commits } from './commits.ts'
import { directCommits } from './commits.ts'
import { isConstraint } from './database.ts'
import { idleServerCheck } from './idle-server.ts'
import type { Row } from './job-row.ts'
import { optional, text } from './job-row.ts'

const COLUMNS = 'serial, uuid, bmc_url, bmc_username, bmc_password, verify_tls, vendor, network, created_at'

/** Servers in SQLite; BMC passwords are sealed before they are written. */
export function sqliteServerStore(db: DatabaseSync, seal: Seal, commits: Commits = directCommits(db)): ServerStore {
  const insert = db.prepare('INSERT INTO servers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const bySerial = db.prepare(`SELECT ${COLUMNS} FROM servers WHERE serial = ?`)
  const remove = db.prepare('DELETE FROM servers WHERE serial = ?')
  const page = db.prepare(
    `SELECT ${COLUMNS} FROM servers
     WHERE serial > ?1 AND (?2 IS NULL OR vendor = ?2) ORDER BY serial LIMIT ?3`,
  )
  // The index has all that is compared (servers_by_text); only what fits is read as a row.
  const search = db.prepare(
    `SELECT ${COLUMNS} FROM servers WHERE serial IN (
       SELECT serial FROM servers WHERE serial > ?1 AND (?2 IS NULL OR vendor = ?2)
       AND (serial LIKE ?3 ESCAPE '\\' OR bmc_url LIKE ?3 ESCAPE '\\') ORDER BY serial LIMIT ?4)
     ORDER BY serial`,
  )
  const update = db.prepare(
    `UPDATE servers SET uuid = ?, bmc_url = ?, bmc_username = ?, bmc_password = ?, verify_tls = ?, vendor = ?, network = ?
     WHERE serial = ?`,
  )
  const assertIdle = idleServerCheck(db)

  function read(serial: string): VersionedServer | undefined {
    const row = bySerial.get(serial)
    return row === undefined ? undefined : { server: listedServer(row), etag: etagOf(row) }
  }

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
    async page({ after = '', vendor, search: part, limit }: ServerPage) {
      const of = vendor ?? null
      const rows = part === undefined ? page.all(after, of, limit) : search.all(after, of, partOf(part), limit)
      return rows.map(listedServer)
    },
    current: async (serial) => read(serial),
    change: (serial, expected, change, check) =>
      commits.write(() => {
        const row = bySerial.get(serial)
        if (row === undefined) return undefined
        check(listedServer(row))
        assertIdle(serial, 'change')
        if (expected !== undefined && expected !== etagOf(row)) {
          const why = 'somebody else changed it since it was read; read it again'
          throw new AppError('server-changed', `Cannot change server "${serial}": ${why}`)
        }
        update.run(...changedValues(row, change, serial), serial)
        return read(serial)
      }),
  }

  function changedValues(row: Row, change: ServerChange, serial: string) {
    const network = change.network === undefined ? row['network'] : change.network && JSON.stringify(change.network)
    return [
      change.uuid === undefined ? row['uuid'] : change.uuid,
      change.url ?? row['bmc_url'],
      change.username ?? row['bmc_username'],
      change.password === undefined ? row['bmc_password'] : seal.close(change.password, serial),
      change.verifyTls === undefined ? row['verify_tls'] : Number(change.verifyTls),
      change.vendor === undefined ? row['vendor'] : change.vendor,
      network,
    ].map((value) => value ?? null)
  }
}

function listedServer(row: Row): ListedServer {
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

/** What `LIKE` finds anywhere; it compares ASCII letters whatever their case. */
function partOf(text: string): string {
  return `%${text.replace(/[\\%_]/g, '\\$&')}%`
}

/** Over the row as it is stored: the password is sealed there, with a nonce of its own, so nothing of it can be guessed. */
function etagOf(row: Row): string {
  const values = Object.values(row).map((value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  )
  return `"${createHash('sha256').update(JSON.stringify(values)).digest('hex').slice(0, 32)}"`
}
