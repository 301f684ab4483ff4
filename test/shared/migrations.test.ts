import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { beforeEach, expect, test } from 'vitest'
import { sqliteMetadata } from '../../src/registry/storage/sqlite-metadata.ts'
import { openDatabase } from '../../src/server/store/database.ts'
import { sqliteJobStore } from '../../src/server/store/jobs.ts'
import { sqliteServerStore } from '../../src/server/store/servers.ts'
import { sqliteTokenStore } from '../../src/server/store/tokens.ts'
import { parseDigest } from '../../src/shared/digest.ts'
import { openSqlite } from '../../src/shared/sqlite.ts'
import type { DatabaseName } from '../fixtures/databases/dump.ts'
import { dumpPath, loadDump, SCHEMAS } from '../fixtures/databases/dump.ts'
import { scratch } from '../support/scratch.ts'

/** Every version that was ever released or landed, but the newest. */
const EARLIER = (Object.keys(SCHEMAS) as DatabaseName[]).flatMap((name) =>
  Array.from({ length: SCHEMAS[name].length - 1 }, (_, index) => [name, index + 1] as const),
)

let directory = ''
let path = ''

beforeEach(() => {
  directory = scratch()
  path = join(directory, 'x.db')
})

test.for(EARLIER)(
  'there is a dump of %s at version %i (node test/fixtures/databases/dump.ts makes it)',
  ([name, version]) => {
    expect(existsSync(dumpPath(name, version))).toBe(true)
  },
)

test.for(EARLIER)('%s at version %i gets the schema of a new one', ([name, version]) => {
  loadDump(path, name, version)
  const upgraded = openSqlite(path, SCHEMAS[name])
  const fresh = openSqlite(':memory:', SCHEMAS[name])
  expect(columnsOf(upgraded)).toEqual(columnsOf(fresh))
  expect(upgraded.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
  expect(upgraded.prepare('PRAGMA foreign_key_check').all()).toEqual([])
  upgraded.close()
  fresh.close()
})

/** Tables with their columns, and indexes with their texts: an ALTER TABLE writes other text than a CREATE TABLE. */
function columnsOf(db: DatabaseSync): unknown {
  const items = db.prepare("SELECT type, name, sql FROM sqlite_master WHERE sql <> '' ORDER BY type, name").all()
  return items.map(({ type, name, sql }) =>
    type === 'table'
      ? [name, db.prepare('SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(?)').all(String(name))]
      : [name, String(sql).replace(/\s+/g, ' ')],
  )
}

const versionsOf = (wanted: DatabaseName) => EARLIER.filter(([name]) => name === wanted).map(([, version]) => version)

test.for(versionsOf('controller'))('a controller of version %i loses nothing by the upgrade', async (version) => {
  loadDump(path, 'controller', version)
  const db = openDatabase(path)
  const seal = { close: () => new Uint8Array(), open: (sealed: Uint8Array) => Buffer.from(sealed).toString('hex') }
  const store = sqliteServerStore(db, seal)
  const servers = await Promise.all(['SN1', 'SN2'].map((serial) => store.find(serial)))
  expect(
    servers
      .flatMap((server) => server ?? [])
      .map(({ serial, bmc, vendor }) => [serial, bmc.url, bmc.password, bmc.verifyTls, vendor]),
  ).toEqual([
    ['SN1', 'https://192.0.2.7', '0102', false, 'dell'],
    ['SN2', 'https://192.0.2.8', '0304', true, null],
  ])
  const jobs = sqliteJobStore(db)
  expect(await jobs.find('01JA')).toMatchObject({
    status: 'complete',
    outcome: 'failed',
    message: "it's over",
    version: 7,
  })
  expect(await jobs.find('01JB')).toMatchObject({
    phase: 'running:image-linux',
    retryOf: '01JA',
    progress: { rate: 3 },
  })
  expect((await jobs.history('01JA', 0)).map(({ message }) => message)).toEqual(['queued', 'failed'])
  expect((await jobs.logs('01JA')).map(({ text }) => text)).toEqual(['last words'])
  expect(sqliteTokenStore(db).find('hush-of-the-first-admin', new Date(0))).toMatchObject({
    name: 'first admin',
    role: 'admin',
  })
  db.close()
})

test('a job whose server was started, or handed over, before such entries had a type of their own is still known as that', async () => {
  loadDump(path, 'controller', 6)
  const before = new DatabaseSync(path)
  const rows = ['phase', 'booting', 'bmc', 'switching on into the installed system']
  before
    .prepare("INSERT INTO history VALUES ('01JB', 51, '2026-01-02T03:04:05.000Z', ?, ?), ('01JB', 52, '2026', ?, ?)")
    .run(...rows)
  before.close()
  const db = openDatabase(path)
  const jobs = sqliteJobStore(db)
  expect(await jobs.lastEntry('01JB', 'start')).toMatchObject({ seq: 53, at: new Date('2026-01-02T03:04:05Z') })
  expect(await jobs.lastEntry('01JB', 'hand-over')).toMatchObject({ seq: 52 })
  expect(await jobs.lastEntry('01JA', 'start')).toBeUndefined()
  db.close()
})

test.for(versionsOf('registry'))('a registry of version %i loses nothing by the upgrade', async (version) => {
  loadDump(path, 'registry', version)
  const metadata = sqliteMetadata(path)
  const [a, b, c] = ['a', 'b', 'c'].map((letter) => parseDigest(`sha256:${letter.repeat(64)}`))
  if (a === undefined || b === undefined || c === undefined) throw new Error('three digests were made')
  expect(await metadata.findBlob('os/debian', b)).toMatchObject({ size: 200 })
  expect(await metadata.repositoriesWithBlob(a, 10)).toEqual(['os/debian', 'tools'])
  expect(await metadata.findManifest('os/debian', { tag: '13' })).toMatchObject({
    digest: c,
    content: new Uint8Array(Buffer.from('{}')),
  })
  expect(await metadata.listReferrers('os/debian', c)).toMatchObject([{ annotations: { by: 'me' } }])
  expect(await metadata.listUploads()).toHaveLength(1)
  await metadata.close()
})

test('the database as it was is kept beside an upgraded one, for its owner only', () => {
  loadDump(path, 'controller', 1)
  openDatabase(path).close()
  const kept = `${path}.schema-1`
  expect(statSync(kept).mode & 0o777).toBe(0o600)
  const db = new DatabaseSync(kept, { readOnly: true })
  expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: 1 })
  expect(db.prepare('SELECT COUNT(*) AS n FROM jobs').get()).toEqual({ n: 2 })
  db.close()
  openDatabase(path).close()
  expect(readdirSync(directory).filter((name) => name.includes('schema'))).toEqual(['x.db.schema-1'])
})

test('a step that fails leaves the version before it, and the next start tries again', () => {
  openSqlite(path, ['CREATE TABLE a (x)']).close()
  const broken = ['CREATE TABLE a (x)', 'CREATE TABLE b (x)', 'CREATE TABLE c (x); SELECT nonsense']
  expect(() => openSqlite(path, broken)).toThrow('nonsense')
  const mended = openSqlite(path, [...broken.slice(0, 2), 'CREATE TABLE c (x)'])
  expect(mended.prepare('PRAGMA user_version').get()).toEqual({ user_version: 3 })
  mended.close()
})
