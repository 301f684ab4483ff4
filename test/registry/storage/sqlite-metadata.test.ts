import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { MIGRATIONS } from '../../../src/registry/storage/migrations.ts'
import { openDatabase } from '../../../src/registry/storage/sqlite-database.ts'
import { sqliteMetadata } from '../../../src/registry/storage/sqlite-metadata.ts'
import { sha256 } from '../../../src/shared/digest.ts'
import { temporaryDirectory } from '../support/open-registry.ts'
import { maintenanceContract } from './maintenance-contract.ts'
import { metadataContract } from './metadata-contract.ts'

async function make() {
  const store = sqliteMetadata(join(await temporaryDirectory(), 'registry.sqlite'))
  onTestFinished(() => store.close())
  return store
}

metadataContract(make)
maintenanceContract(make)

test('migrations run once, in order, and each is all or nothing', async () => {
  const path = join(await temporaryDirectory(), 'x.sqlite')
  const first = 'CREATE TABLE a (x INTEGER)'
  const broken = 'CREATE TABLE b (x INTEGER); CREATE TABLE a (x INTEGER)'
  openDatabase(path, [first]).close()
  expect(() => openDatabase(path, [first, broken])).toThrow('already exists')
  const db = openDatabase(path, [first, 'CREATE TABLE b (x INTEGER)'])
  expect(db.get('PRAGMA user_version')).toEqual({ user_version: 2 })
  db.close()
})

test('a database of a newer program is not touched', async () => {
  const path = join(await temporaryDirectory(), 'x.sqlite')
  openDatabase(path, ['CREATE TABLE a (x)', 'CREATE TABLE b (x)']).close()
  expect(() => openDatabase(path, ['CREATE TABLE a (x)'])).toThrow(expect.objectContaining({ code: 'config-invalid' }))
})

test('a transaction that fails leaves nothing, and the next one works', async () => {
  const db = openDatabase(join(await temporaryDirectory(), 'x.sqlite'), ['CREATE TABLE a (x INTEGER UNIQUE) STRICT'])
  onTestFinished(() => db.close())
  const insert = () => db.run('INSERT INTO a VALUES (1)')
  expect(() => db.transaction(() => insert() + insert())).toThrow('UNIQUE')
  db.transaction(insert)
  expect(db.all('SELECT x FROM a')).toEqual([{ x: 1 }])
})

test('a database of the first schema goes on with all it has', async () => {
  const path = join(await temporaryDirectory(), 'registry.sqlite')
  const old = openDatabase(path, MIGRATIONS.slice(0, 1))
  const digest = sha256('blob')
  old.run("INSERT INTO repositories (name) VALUES ('a')")
  old.run('INSERT INTO blobs VALUES (?, 4, 1000)', digest)
  old.run('INSERT INTO repository_blobs VALUES (1, ?, 2000)', digest)
  old.close()
  const store = sqliteMetadata(path)
  onTestFinished(() => store.close())
  expect(await store.findBlob('a', digest)).toEqual({ digest, size: 4, version: 1, touchedAt: new Date(2000) })
  expect(await store.blobsToCheck(new Date(1001), 9)).toHaveLength(1)
})
