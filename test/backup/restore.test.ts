import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { createBackup } from '../../src/backup/create.ts'
import { endOpenJobs } from '../../src/backup/end-jobs.ts'
import { restoreSnapshot } from '../../src/backup/restore.ts'
import { findSnapshot } from '../../src/backup/snapshots.ts'
import { dataPaths } from '../../src/config.ts'
import type { Started } from '../../src/server/compose.ts'
import { runController } from '../../src/server/compose.ts'
import type { Job } from '../../src/server/jobs/machine.ts'
import type { JobView } from '../../src/server/routes/views.ts'
import { openDatabase } from '../../src/server/store/database.ts'
import { sqliteJobStore } from '../../src/server/store/jobs.ts'
import { systemClock } from '../../src/shared/time.ts'
import { simulatedMachine } from '../../src/simulators/simulated-machine.ts'
import { loadDump, SCHEMAS } from '../fixtures/databases/dump.ts'
import { sampleJob } from '../server/support/sample-job.ts'
import { configOf } from '../server/support/serve-config.ts'
import { simulated } from '../simulators/simulated.ts'
import { scratch } from '../support/scratch.ts'

const never = new AbortController().signal

type Call = (path: string, body?: object) => Promise<unknown>

/** A controller on `dataDir` for as long as `use` runs. */
async function serving(dataDir: string, tokenFile: string, use: (call: Call) => Promise<void>): Promise<void> {
  const stop = new AbortController()
  const { promise, resolve, reject } = Promise.withResolvers<Started>()
  const config = configOf({ dataDir, adminTokenFile: tokenFile, allowLoopbackBmc: true })
  const ended = runController(config, pino({ level: 'silent' }), resolve, stop.signal)
  ended.catch(reject)
  try {
    const { url } = await promise
    const headers = {
      authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`,
      'content-type': 'application/json',
    }
    await use(async (path, body) => {
      const sent = body === undefined ? { headers } : { headers, method: 'POST', body: JSON.stringify(body) }
      const answer = await fetch(`${url}/api/v1${path}`, sent)
      expect(answer.ok, path).toBe(true)
      return answer.json()
    })
  } finally {
    stop.abort()
    await ended
  }
}

/** What was open when the backup was made; `phase` says how far it had come. */
const OPEN: readonly Partial<Job>[] = [
  { serverSerial: 'SN1', status: 'queued' },
  { serverSerial: 'SN2', status: 'provisioning', phase: 'booting', deadline: new Date(0) },
  { serverSerial: 'SN3', status: 'succeeded', phase: 'cleaning-up', outcome: 'success' },
]

test('jobs that were open in a backup are ended by its restoration, and their servers are left alone', async () => {
  const directory = scratch()
  const at = (name: string) => join(directory, name)
  const token = at('token')
  const say = () => undefined
  const machine = simulatedMachine({ serial: 'SN1', power: 'on', plays: false, faults: new Set(), stepMs: 0, say })
  const { address, simulator } = await simulated('idrac9', machine)
  await serving(at('data'), token, async (call) => {
    for (const serial of ['SN1', 'SN2', 'SN3']) {
      const { url, username, password } = address
      await call('/servers', { serial, bmc_url: url, bmc_username: username, bmc_password: password })
    }
  })
  const db = openDatabase(dataPaths(at('data')).database)
  for (const [index, change] of OPEN.entries()) {
    const job = sampleJob({ id: `01KABCDEF0123456789ABCDEF${index}`, mediaToken: `token-${index}`, ...change })
    await sqliteJobStore(db).create(job, { type: 'status', message: 'queued' })
  }
  db.close()
  await createBackup(at('backups'), { dataDir: at('data'), config: undefined }, systemClock, never)

  const snapshot = await findSnapshot(at('backups'), undefined)
  const ended = await restoreSnapshot(at('backups'), snapshot, at('restored'), systemClock, never)
  expect(ended.map(({ serverSerial, status }) => [serverSerial, status])).toEqual([
    ['SN1', 'queued'],
    ['SN2', 'provisioning'],
    ['SN3', 'succeeded'],
  ])
  await serving(at('restored'), token, async (call) => {
    const outcomes = ['failed', 'failed', 'success']
    for (const [index, { id }] of ended.entries()) {
      const job = (await call(`/jobs/${id}`)) as JobView
      expect(job).toMatchObject({ status: 'complete', outcome: outcomes[index] })
      expect(job.events?.at(-1)).toMatchObject({
        message: expect.stringContaining('restored from a backup'),
        span: 'complete',
      })
    }
  })
  expect([simulator.requests, machine.starts]).toEqual([[], []])
})

test.for(['../../etc/cron.d/x', '/etc/passwd', 'keys/../../x', 'keys/..', 'keys', 'other', '', 7])(
  'a manifest that names %s is no manifest of a backup',
  async (path) => {
    const directory = scratch()
    const name = '2026-01-01T00-00-00-000Z'
    const snapshot = join(directory, 'snapshots', name)
    mkdirSync(snapshot, { recursive: true })
    writeFileSync(
      join(snapshot, 'manifest.json'),
      JSON.stringify({ format: 1, files: [{ path, size: 0, sha256: '' }] }),
    )
    await expect(findSnapshot(directory, name)).rejects.toThrow('names what no backup holds')
  },
)

const EARLIER = Array.from({ length: SCHEMAS.controller.length - 1 }, (_, index) => index + 1)

test.for(EARLIER)('jobs in a backup of schema %i are ended before the program brings it up to date', (version) => {
  const directory = scratch()
  const path = join(directory, 'controller.db')
  loadDump(path, 'controller', version)
  expect(endOpenJobs(path, new Date())).toEqual([{ id: '01JB', serverSerial: 'SN1', status: 'provisioning' }])
  expect(endOpenJobs(path, new Date())).toEqual([])
})
