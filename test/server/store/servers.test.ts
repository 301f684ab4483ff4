import { expect, test } from 'vitest'
import { openDatabase } from '../../../src/server/store/database.ts'
import { sqliteJobStore } from '../../../src/server/store/jobs.ts'
import { sqliteServerStore } from '../../../src/server/store/servers.ts'
import { sampleJob } from '../support/sample-job.ts'
import { PLAIN_SEAL } from '../support/with-worker.ts'

const NOW = new Date('2026-01-02T03:04:05Z')
const SERVER = { uuid: null, vendor: null, network: null, createdAt: NOW }
const anything = () => undefined

async function openStores(count = 1) {
  const db = openDatabase(':memory:')
  const [servers, jobs] = [sqliteServerStore(db, PLAIN_SEAL), sqliteJobStore(db)]
  for (let index = 1; index <= count; index++) {
    const bmc = { url: `https://192.0.2.${index % 250}`, username: 'root', password: 'x', verifyTls: false }
    await servers.add({ ...SERVER, serial: `SN${index}`, bmc })
  }
  return { servers, jobs }
}

test('a job that was created while a change of its server was on its way stops the change', async () => {
  const { servers, jobs } = await openStores()
  // As a request that was checked before, and is stored now.
  const job = await jobs.create(sampleJob(), { type: 'status', message: 'queued' })
  const change = servers.change('SN1', undefined, { url: 'https://192.0.2.9', password: 'y' }, anything)
  await expect(change).rejects.toMatchObject({ code: 'job-active', message: expect.stringContaining(job.id) })
  await expect(servers.remove('SN1')).rejects.toMatchObject({ code: 'job-active' })
  expect(await servers.find('SN1')).toMatchObject({ bmc: { url: 'https://192.0.2.1', password: 'x' } })
  await jobs.save({ ...job, status: 'complete' }, [], NOW)
  expect(await servers.change('SN1', undefined, { vendor: 'dell' }, anything)).toMatchObject({
    server: { vendor: 'dell' },
  })
  expect(await servers.remove('SN1')).toBe(true)
})

test('what may be changed is asked of the server as it is then', async () => {
  const { servers } = await openStores()
  const refuse = (current: { bmc: { url: string } }) => {
    throw new Error(`no: ${current.bmc.url}`)
  }
  await expect(servers.change('SN1', undefined, { vendor: 'dell' }, refuse)).rejects.toThrow('no: https://192.0.2.1')
  expect(await servers.current('SN1')).toMatchObject({ server: { vendor: null } })
})

test('pages through ten thousand servers have each of them once', async () => {
  const { servers } = await openStores(10_000)
  const seen = new Set<string>()
  let after: string | undefined
  for (let page = 0; page < 21; page++) {
    const found = await servers.page({ limit: 500, ...(after !== undefined && { after }) })
    for (const { serial } of found) seen.add(serial)
    after = found.at(-1)?.serial ?? after
  }
  expect(seen.size).toBe(10_000)
  expect(await servers.page({ limit: 10, search: 'sn777' })).toHaveLength(10)
})
