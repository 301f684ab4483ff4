import { beforeEach, expect, test } from 'vitest'
import type { KnownBmcs } from '../../../src/server/jobs/bmc-ports.ts'
import type { ServerStore } from '../../../src/server/jobs/ports.ts'
import { openDatabase } from '../../../src/server/store/database.ts'
import { sqliteKnownBmcs } from '../../../src/server/store/known-bmcs.ts'
import { sqliteServerStore } from '../../../src/server/store/servers.ts'
import { PLAIN_SEAL } from '../support/with-worker.ts'

const R640 = { model: 'Dell PowerEdge R640', firmware: '7.00' }
let now = new Date('2026-01-02T03:04:05Z')
let known: KnownBmcs
let servers: ServerStore
let change: (bmc: { url?: string; username?: string }) => Promise<unknown>

beforeEach(async () => {
  const db = openDatabase(':memory:')
  known = sqliteKnownBmcs(db, { now: () => now })
  servers = sqliteServerStore(db, PLAIN_SEAL)
  change = (bmc) => servers.change('SN1', undefined, bmc, () => undefined)
  const bmc = { url: 'https://192.0.2.7', username: 'root', password: 'x', verifyTls: false }
  await servers.add({ serial: 'SN1', uuid: null, bmc, vendor: null, network: null, createdAt: now })
})

test('the kind of BMC that a server was last seen with is kept, and a newer firmware replaces it', async () => {
  expect(await known.find('SN1')).toBeUndefined()
  await known.seen('SN1', R640)
  const first = now
  now = new Date(first.getTime() + 60_000)
  await known.seen('SN1', R640)
  expect(await known.find('SN1')).toEqual({ ...R640, seenAt: first })
  await known.seen('SN1', { ...R640, firmware: '7.10' })
  expect(await known.find('SN1')).toEqual({ ...R640, firmware: '7.10', seenAt: now })
})

test('another address is another BMC; another account is not', async () => {
  await known.seen('SN1', R640)
  await change({ username: 'admin' })
  expect(await known.find('SN1')).toMatchObject(R640)
  await change({ url: 'https://192.0.2.8' })
  expect(await known.find('SN1')).toBeUndefined()
})

test('nothing is kept of a server that is gone', async () => {
  await known.seen('SN1', R640)
  await servers.remove('SN1')
  expect(await known.find('SN1')).toBeUndefined()
  await known.seen('SN1', R640)
  expect(await known.find('SN1')).toBeUndefined()
})
