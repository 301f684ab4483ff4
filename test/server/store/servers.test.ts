import { expect, test } from 'vitest'
import { openDatabase } from '../../../src/server/store/database.ts'
import { sqliteJobStore } from '../../../src/server/store/jobs.ts'
import { sqliteServerRegistry } from '../../../src/server/store/server-registry.ts'
import { sqliteServerStore } from '../../../src/server/store/servers.ts'
import { sampleJob } from '../support/sample-job.ts'
import { PLAIN_SEAL } from '../support/with-worker.ts'

const NOW = new Date('2026-01-02T03:04:05Z')
const SERVER = { uuid: null, vendor: null, network: null, createdAt: NOW }
const anything = () => undefined

async function openStores(count = 1) {
  const db = openDatabase(':memory:')
  const [servers, registry, jobs] = [
    sqliteServerStore(db, PLAIN_SEAL),
    sqliteServerRegistry(db, PLAIN_SEAL),
    sqliteJobStore(db),
  ]
  for (let index = 1; index <= count; index++) {
    const bmc = { url: `https://192.0.2.${index % 250}`, username: 'root', password: 'x', verifyTls: false }
    await servers.add({ ...SERVER, serial: `SN${index}`, bmc })
  }
  return { servers, registry, jobs }
}

test('a job that was created while a change of its server was on its way stops the change', async () => {
  const { servers, registry, jobs } = await openStores()
  // As a request that was checked before, and is stored now.
  const job = await jobs.create(sampleJob(), { type: 'status', message: 'queued' })
  const change = registry.change('SN1', undefined, { url: 'https://192.0.2.9', password: 'y' }, anything)
  await expect(change).rejects.toMatchObject({ code: 'job-active', message: expect.stringContaining(job.id) })
  await expect(servers.remove('SN1')).rejects.toMatchObject({ code: 'job-active' })
  expect(await servers.find('SN1')).toMatchObject({ bmc: { url: 'https://192.0.2.1', password: 'x' } })
  await jobs.save({ ...job, status: 'complete' }, [], NOW)
  expect(await registry.change('SN1', undefined, { vendor: 'dell' }, anything)).toMatchObject({
    server: { vendor: 'dell' },
  })
  expect(await servers.remove('SN1')).toBe(true)
})

test('what may be changed is asked of the server as it is then', async () => {
  const { registry } = await openStores()
  const refuse = (current: { bmc: { url: string } }) => {
    throw new Error(`no: ${current.bmc.url}`)
  }
  await expect(registry.change('SN1', undefined, { vendor: 'dell' }, refuse)).rejects.toThrow('no: https://192.0.2.1')
  expect(await registry.current('SN1')).toMatchObject({ server: { vendor: null } })
})

test('pages through ten thousand servers have each of them once', async () => {
  const { registry } = await openStores(10_000)
  const seen = new Set<string>()
  let after: string | undefined
  for (let page = 0; page < 21; page++) {
    const servers = await registry.page({ limit: 500, ...(after !== undefined && { after }) })
    for (const { serial } of servers) seen.add(serial)
    after = servers.at(-1)?.serial ?? after
  }
  expect(seen.size).toBe(10_000)
  expect(await registry.page({ limit: 10, search: 'sn777' })).toHaveLength(10)
})
