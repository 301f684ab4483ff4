import { pino } from 'pino'
import { PATIENCE } from '../../../src/server/jobs/bmc-session.ts'
import { BUDGETS } from '../../../src/server/jobs/budgets.ts'
import { createConversations } from '../../../src/server/jobs/conversations.ts'
import { createJobFeed } from '../../../src/server/jobs/feed.ts'
import type { Job } from '../../../src/server/jobs/machine.ts'
import type { EntryType, JobStore, ServerStore } from '../../../src/server/jobs/ports.ts'
import type { JobRecord } from '../../../src/server/jobs/record.ts'
import { jobRecord } from '../../../src/server/jobs/record.ts'
import { runWorker } from '../../../src/server/jobs/worker.ts'
import { bmcConnector } from '../../../src/server/redfish/bmc.ts'
import { QUICK } from '../../simulators/simulated.ts'
import type { Mortal } from './death.ts'
import type { Cut } from './mortal-proxy.ts'
import { mortalProxy } from './mortal-proxy.ts'
import { mortalStore } from './mortal-store.ts'

export interface LifeOptions {
  readonly jobs: JobStore
  readonly servers: Pick<ServerStore, 'find'>
  readonly bmcUrl: string
  readonly mortal: Mortal
  readonly cut: Cut
  readonly worker: string
  /** How far its clock is from the others', in milliseconds. */
  readonly skewMs: number
}

/** A controller from its start to its death: the real core and the real Redfish client. */
export interface Life {
  readonly mortal: Mortal
  readonly record: JobRecord
  end(): Promise<void>
}

const MEDIA = { maintenance: 'image', task: 'task' }

const TIMES = {
  beatMs: 50,
  leaseMs: 1_000,
  idleMs: 5,
  lookMs: 20,
  againMs: 20,
  patience: { ...PATIENCE, firstMs: 2, maxMs: 20 },
}

export async function startLife({ jobs, servers, bmcUrl, mortal, cut, worker, skewMs }: LifeOptions): Promise<Life> {
  const store = mortalStore(jobs, mortal)
  const proxy = await mortalProxy(bmcUrl, mortal, cut)
  const clock = { now: () => new Date(Date.now() + skewMs) }
  const feed = createJobFeed()
  const record = jobRecord(store, clock, feed.job)
  const connect = bmcConnector(QUICK)
  const urls = ({ mediaToken }: Job) => {
    const of = (name: string) => `https://192.0.2.1:8443/media/${mediaToken}/${name}.iso`
    return {
      maintenance: of('maintenance'),
      task: of('task'),
      combined: of('combined'),
      plainOrigin: 'http://192.0.2.1:8080',
    }
  }
  const deps = {
    jobs: store,
    servers,
    record,
    feed,
    connectBmc: (address: Parameters<typeof connect>[0], signal: AbortSignal) =>
      connect({ ...address, url: proxy.url }, signal),
    media: { urls, prepare: () => MEDIA, isServed: () => true, forget: () => undefined },
    bootWatch: { summary: async () => 'nothing is known', check: async () => undefined, forget: () => undefined },
    budgetsNow: () => ({ ...BUDGETS, lateStartMs: 0 }),
    clock,
    log: pino({ level: 'silent' }),
    note: (id: string, type: EntryType, message: string) => store.note(id, { type, message }, clock.now()),
  }
  const stop = new AbortController()
  const ended = runWorker(worker, createConversations(4), deps, stop.signal, TIMES)
  return {
    mortal,
    record,
    async end() {
      stop.abort()
      // The dead never end: what they wait for does not come.
      await Promise.race([ended, mortal.dead])
      proxy.close()
    },
  }
}
