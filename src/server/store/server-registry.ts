import { createHash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { AppError } from '../../shared/errors.ts'
import type { ServerChange, ServerPage, ServerRegistry, VersionedServer } from '../jobs/ports.ts'
import type { Seal } from '../keys.ts'
import type { Commits } from './commits.ts'
import { directCommits } from './commits.ts'
import { idleServerCheck } from './idle-server.ts'
import type { Row } from './job-row.ts'
import { listedServer } from './servers.ts'

const COLUMNS = 'serial, uuid, bmc_url, bmc_username, bmc_password, verify_tls, vendor, network, created_at'

/** The servers as people manage them: in pages, without passwords, and changed only as they were seen. */
export function sqliteServerRegistry(
  db: DatabaseSync,
  seal: Seal,
  commits: Commits = directCommits(db),
): ServerRegistry {
  const bySerial = db.prepare(`SELECT ${COLUMNS} FROM servers WHERE serial = ?`)
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
    async page({ after = '', vendor, search: text, limit }: ServerPage) {
      const of = vendor ?? null
      const rows = text === undefined ? page.all(after, of, limit) : search.all(after, of, partOf(text), limit)
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
          const text = 'somebody else changed it since it was read; read it again'
          throw new AppError('server-changed', `Cannot change server "${serial}": ${text}`)
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
