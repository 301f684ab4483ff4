import type { DatabaseSync } from 'node:sqlite'
import { pino } from 'pino'
import { BUDGETS } from '../../../src/server/jobs/budgets.ts'
import { createChanges } from '../../../src/server/jobs/changes.ts'
import { createJob } from '../../../src/server/jobs/create.ts'
import type { Job } from '../../../src/server/jobs/machine.ts'
import type { Budgets, JobSecrets, JobStore } from '../../../src/server/jobs/ports.ts'
import type { JobRecord } from '../../../src/server/jobs/record.ts'
import { jobRecord } from '../../../src/server/jobs/record.ts'
import { runWorker } from '../../../src/server/jobs/worker.ts'
import { openDatabase } from '../../../src/server/store/database.ts'
import { sqliteJobStore } from '../../../src/server/store/jobs.ts'
import { sqliteServerStore } from '../../../src/server/store/servers.ts'
import { sleep, systemClock } from '../../../src/shared/time.ts'
import type { FakeMachine } from './fake-bmc.ts'
import { connectFake, fakeMachine } from './fake-bmc.ts'

/** A controller's core over one database and one fake machine; `run` is one life of the process. */
export interface Core {
  readonly machine: FakeMachine
  readonly jobs: JobStore
  readonly record: JobRecord
  create(): Promise<Job>
  /** Starts a worker; `kill` stops it between two awaits, as kill -9 would, and `ended` is when it has let go. */
  run(budgets?: Partial<Budgets>): { kill(): void; readonly ended: Promise<void> }
  until(id: string, condition: (job: Job) => boolean): Promise<Job>
  close(): void
}

export const PLAIN_SEAL = {
  close: (text: string) => Buffer.from(text),
  open: (bytes: Uint8Array) => Buffer.from(bytes).toString(),
}

export const SECRETS: JobSecrets = {
  webhook: (job) => `webhook-${job.id}`,
  registryPassword: (job) => `registry-${job.id}`,
  mediaToken: (id, attempt) => `media-${id}-${attempt}`,
}

export async function openCore(path: string): Promise<Core> {
  const db: DatabaseSync = openDatabase(path)
  const jobs = sqliteJobStore(db)
  const servers = sqliteServerStore(db, PLAIN_SEAL)
  const changes = createChanges(sleep)
  const record = jobRecord(jobs, systemClock, changes.publish)
  const machine = fakeMachine()
  const clock = systemClock
  if ((await servers.find('SN1')) === undefined) {
    const bmc = { url: 'http://127.0.0.1:1', username: 'u', password: 'p', verifyTls: false }
    await servers.add({ serial: 'SN1', uuid: null, bmc, vendor: null, network: null, createdAt: clock.now() })
  }
  const urls = (job: Job) => ({
    maintenance: `http://c/${job.mediaToken}/m.iso`,
    task: `http://c/${job.mediaToken}/t.iso`,
  })
  const deps = {
    jobs,
    servers,
    record,
    changes,
    connectBmc: connectFake(machine),
    media: { urls, prepare: () => undefined, forget: () => undefined },
    clock,
    log: pino({ level: 'silent' }),
    note: (id: string, type: string, message: string) => jobs.note(id, { type, message }, clock.now()),
  }
  return {
    machine,
    jobs,
    record,
    async create() {
      const recipe = { task_target: 'firmware-update.target', firmware_url: 'https://192.0.2.1/x' }
      return (
        await createJob(
          { serial: 'SN1', recipe, idempotencyKey: null, retryOf: null },
          { jobs, servers, secrets: SECRETS, clock },
        )
      ).job
    },
    run(budgets = {}) {
      const stop = new AbortController()
      const ended = runWorker('w', 4, { ...deps, budgets: { ...BUDGETS, ...budgets } }, stop.signal)
      return { kill: () => stop.abort(), ended }
    },
    async until(id, condition) {
      for (let tries = 0; tries < 1000; tries++) {
        const job = await jobs.find(id)
        if (job !== undefined && condition(job)) return job
        await sleep(10)
      }
      throw new Error(`the job never got there: ${JSON.stringify(await jobs.find(id))}`)
    },
    close: () => db.close(),
  }
}
