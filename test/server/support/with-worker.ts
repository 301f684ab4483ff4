import type { DatabaseSync } from 'node:sqlite'
import { pino } from 'pino'
import { PATIENCE } from '../../../src/server/jobs/bmc-session.ts'
import { BUDGETS } from '../../../src/server/jobs/budgets.ts'
import { createConversations } from '../../../src/server/jobs/conversations.ts'
import { createJob } from '../../../src/server/jobs/create.ts'
import type { JobFeed } from '../../../src/server/jobs/feed.ts'
import { createJobFeed } from '../../../src/server/jobs/feed.ts'
import type { Job } from '../../../src/server/jobs/machine.ts'
import type { Budgets, EntryType, JobSecrets, JobStore } from '../../../src/server/jobs/ports.ts'
import type { JobRecord } from '../../../src/server/jobs/record.ts'
import { jobRecord } from '../../../src/server/jobs/record.ts'
import type { WorkerTimes } from '../../../src/server/jobs/worker.ts'
import { runWorker, WORKER_TIMES } from '../../../src/server/jobs/worker.ts'
import { openDatabase } from '../../../src/server/store/database.ts'
import { sqliteJobStore } from '../../../src/server/store/jobs.ts'
import { sqliteServerStore } from '../../../src/server/store/servers.ts'
import { sleep, systemClock } from '../../../src/shared/time.ts'
import type { FakeMachine } from './fake-bmc.ts'
import { connectFake, fakeMachine } from './fake-bmc.ts'
import { FIRMWARE_RECIPE } from './sample-job.ts'

/** A controller's core over one database and one fake machine; `run` is one life of the process. */
export interface Core {
  readonly machine: FakeMachine
  readonly jobs: JobStore
  readonly record: JobRecord
  readonly feed: JobFeed
  /** Methods of the store that fail, by name, and how often each was called. */
  readonly faults: Set<string>
  readonly stored: Map<string, number>
  /** Sets the wall clock forward. */
  setClock(aheadMs: number): void
  /** Puts other media in the place of the first. */
  setMedia(other: Partial<Pick<Job, 'maintenance' | 'task'>>): void
  create(serial?: string): Promise<Job>
  /** Starts a worker, until `close`; `kill` stops it between two awaits, as kill -9 would, and `ended` is when it has let go. */
  run(
    budgets?: Partial<Budgets>,
    times?: Partial<WorkerTimes>,
    conversations?: number,
  ): { kill(): void; readonly ended: Promise<void> }
  until(id: string, condition: (job: Job) => boolean): Promise<Job>
  close(): Promise<void>
}

/** Tests wait for nothing; leases are as long as they are. */
const patience = { ...PATIENCE, firstMs: 2, maxMs: 10 }
const QUICK_TIMES: WorkerTimes = { ...WORKER_TIMES, idleMs: 10, lookMs: 10, beatMs: 50, patience }

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
  const faults = new Set<string>()
  const stored = new Map<string, number>()
  const jobs = faulty(sqliteJobStore(db), faults, stored)
  const servers = sqliteServerStore(db, PLAIN_SEAL)
  const feed = createJobFeed()
  let ahead = 0
  let image: Pick<Job, 'maintenance' | 'task'> = { maintenance: 'image', task: 'task' }
  const clock = { now: () => new Date(systemClock.now().getTime() + ahead) }
  const record = jobRecord(jobs, clock, feed.job)
  const machine = fakeMachine()
  const workers: ReturnType<Core['run']>[] = []
  for (const serial of ['SN1', 'SN2']) {
    const bmc = { url: 'http://127.0.0.1:1', username: 'u', password: 'p', verifyTls: false }
    await servers.add({ serial, uuid: null, bmc, vendor: null, network: null, createdAt: clock.now() })
  }
  const urls = (job: Job) => ({
    maintenance: `http://c/${job.mediaToken}/m.iso`,
    task: `http://c/${job.mediaToken}/t.iso`,
  })
  const deps = {
    jobs,
    servers,
    record,
    feed,
    connectBmc: connectFake(machine),
    media: {
      urls,
      prepare: () => image,
      isServed: ({ maintenance, task }: Job) =>
        [image.maintenance, null].includes(maintenance) && [image.task, null].includes(task),
      forget: () => undefined,
    },
    bootWatch: { summary: async () => 'nothing is known', check: async () => undefined, forget: () => undefined },
    clock,
    log: pino({ level: 'silent' }),
    note: (id: string, type: EntryType, message: string) => jobs.note(id, { type, message }, clock.now()),
  }
  return {
    machine,
    jobs,
    record,
    feed,
    faults,
    stored,
    setClock(aheadMs) {
      ahead = aheadMs
    },
    setMedia(other) {
      image = { ...image, ...other }
    },
    async create(serial = 'SN1') {
      return (
        await createJob(
          { serial, recipe: FIRMWARE_RECIPE, idempotencyKey: null, retryOf: null },
          { jobs, servers, secrets: SECRETS, clock, reserved: new Set() },
        )
      ).job
    },
    run(budgets = {}, times = {}, conversations = 4) {
      const stop = new AbortController()
      const all = { ...BUDGETS, lateStartMs: 0, ...budgets }
      const ended = runWorker(
        'w',
        createConversations(conversations),
        { ...deps, budgetsNow: () => all },
        stop.signal,
        { ...QUICK_TIMES, ...times },
      )
      const worker = { kill: () => stop.abort(), ended }
      workers.push(worker)
      return worker
    },
    async until(id, condition) {
      for (let tries = 0; tries < 1000; tries++) {
        const job = await jobs.find(id)
        if (job !== undefined && condition(job)) return job
        await sleep(10)
      }
      throw new Error(`the job never got there: ${JSON.stringify(await jobs.find(id))}`)
    },
    async close() {
      for (const { kill } of workers) kill()
      await Promise.all(workers.map(({ ended }) => ended))
      db.close()
    },
  }
}

/** The store, failing as a full disk makes it fail. */
function faulty(jobs: JobStore, faults: ReadonlySet<string>, stored: Map<string, number>): JobStore {
  const methods = Object.entries(jobs).map(([name, method]) => [
    name,
    async (...args: unknown[]) => {
      stored.set(name, (stored.get(name) ?? 0) + 1)
      if (faults.has(name)) throw new Error('database or disk is full')
      return (method as (...given: unknown[]) => unknown)(...args)
    },
  ])
  return Object.fromEntries(methods) as JobStore
}
