import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hono } from 'hono'
import { pino } from 'pino'
import { bytesSource } from '../../../src/isobuilder/source.ts'
import { openRegistry } from '../../../src/registry/registry.ts'
import { controllerApp } from '../../../src/server/app.ts'
import type { TestMedia } from '../../../src/server/doctor/test-media.ts'
import { testMedia } from '../../../src/server/doctor/test-media.ts'
import type { EventStreams } from '../../../src/server/http/event-streams.ts'
import { eventStreams } from '../../../src/server/http/event-streams.ts'
import { createJobFeed } from '../../../src/server/jobs/feed.ts'
import type { JobStore } from '../../../src/server/jobs/ports.ts'
import type { JobRecord } from '../../../src/server/jobs/record.ts'
import { jobRecord } from '../../../src/server/jobs/record.ts'
import { jobMedia } from '../../../src/server/media/job-media.ts'
import { planMedium } from '../../../src/server/media/medium.ts'
import { createControllerMetrics } from '../../../src/server/metrics.ts'
import { registryCallers } from '../../../src/server/registry-access.ts'
import { checkSimulation } from '../../../src/server/simulated.ts'
import { sqliteAuditStore } from '../../../src/server/store/audit.ts'
import { openDatabase } from '../../../src/server/store/database.ts'
import { sqliteJobStore } from '../../../src/server/store/jobs.ts'
import { sqliteServerStore } from '../../../src/server/store/servers.ts'
import { systemClock } from '../../../src/shared/time.ts'
import { planOf } from '../../isobuilder/image-bytes.ts'
import { bodyOf, type Call } from './api-call.ts'
import { testAccounts } from './test-accounts.ts'
import { PLAIN_SEAL, SECRETS } from './with-worker.ts'

/** Every route of the controller over a database in memory; nobody works on the jobs. */
export interface Api {
  readonly app: Hono
  readonly record: JobRecord
  readonly testMedia: TestMedia
  readonly streams: EventStreams
  /** How often a history was read. */
  historyReads(): number
  /** As the administrator. */
  readonly call: Call
  readonly token: string
  /** Of somebody who may only look. */
  readonly reader: string
  /** What a power order of the API waits for. */
  switching: Promise<void>
  /** Sets the clock forward. */
  setClock(aheadMs: number): void
  close(): Promise<void>
}

export async function openApi(): Promise<Api> {
  const directory = mkdtempSync(join(tmpdir(), 'provisioner-api-'))
  const db = openDatabase(':memory:')
  const feed = createJobFeed()
  const streams = eventStreams()
  let historyReads = 0
  const store = sqliteJobStore(db, undefined, feed.entry)
  const jobs: JobStore = {
    ...store,
    history(id, after) {
      historyReads += 1
      return store.history(id, after)
    },
  }
  const servers = sqliteServerStore(db, PLAIN_SEAL)
  const { accounts, users, tokens, token: newToken } = testAccounts(db)
  const log = pino({ level: 'silent' })
  let ahead = 0
  const clock = { now: () => new Date(systemClock.now().getTime() + ahead) }
  const record = jobRecord(jobs, clock, feed.job)
  const tests = testMedia('http://192.0.2.2')
  const maintenance = planMedium(planOf([{ path: 'boot.bin', source: bytesSource(Buffer.alloc(4096)) }], 'MAINTENANCE'))
  const ownUrls = { publicUrl: 'https://192.0.2.1:8443', mediaUrl: 'http://192.0.2.2', caPem: null }
  const media = jobMedia({ ownUrls, secrets: SECRETS, taskKey: generateKeyPairSync('ed25519').privateKey })
  const registry = await openRegistry({
    root: join(directory, 'registry'),
    log,
    clock,
    callers: registryCallers({ accounts, jobs, secrets: SECRETS }),
  })
  const metrics = createControllerMetrics()
  const app = controllerApp({
    jobs,
    feed,
    streams,
    maintenance: () => maintenance,
    servers,
    accounts,
    users,
    tokens,
    trail: sqliteAuditStore(db),
    caPem: 'PEM',
    record,
    secrets: SECRETS,
    clock,
    log,
    registry,
    ready: async () => undefined,
    metrics,
    metricsText: () => metrics.text(db),
    metricsOpen: false,
    medium: async (job, name) => {
      const server = await servers.find(job.serverSerial)
      return name === 'task.iso' && server !== undefined ? planMedium(media.plan(job, server)) : undefined
    },
    testMedia: tests,
    diagnose: async () => [],
    power: async () => 'off',
    bring: async () => api.switching,
    reserved: new Set(),
    checkBmc: checkSimulation,
    forgetBmc: async () => undefined,
    knownBmc: async () => ({
      model: 'Dell PowerEdge R640',
      firmware: '7.00',
      seenAt: clock.now(),
      profile: { payload: ['Image'], bootSlot: '1', taskSlot: '2', bootTarget: 'Cd' },
    }),
  })
  const token = newToken('admin', 'admin')
  const api: Api = {
    app,
    record,
    testMedia: tests,
    streams,
    historyReads: () => historyReads,
    token,
    reader: newToken('look', 'reader'),
    switching: Promise.resolve(),
    setClock(aheadMs) {
      ahead = aheadMs
    },
    async call(method, path, body, headers) {
      const text = bodyOf(body)
      const init = {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      }
      return app.request(path, text === undefined ? init : { ...init, body: text })
    },
    async close() {
      streams.close()
      await registry.close()
      metrics.close()
      db.close()
      rmSync(directory, { recursive: true })
    },
  }
  return api
}
