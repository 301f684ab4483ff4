import { createJob } from '../../../src/server/jobs/create.ts'
import type { Job } from '../../../src/server/jobs/machine.ts'
import { jobRecord } from '../../../src/server/jobs/record.ts'
import { openDatabase } from '../../../src/server/store/database.ts'
import { sqliteJobStore } from '../../../src/server/store/jobs.ts'
import { sqliteServerStore } from '../../../src/server/store/servers.ts'
import { sleep, systemClock } from '../../../src/shared/time.ts'
import { parseSimulation } from '../../../src/simulators/profiles.ts'
import { startSimulator } from '../../../src/simulators/simulator.ts'
import { LINUX_RECIPE } from '../support/recipe.ts'
import { PLAIN_SEAL, SECRETS } from '../support/with-worker.ts'
import type { DeathPlan } from './death.ts'
import { createMortal } from './death.ts'
import type { Life } from './life.ts'
import { startLife } from './life.ts'
import type { PatientMachine, Report } from './patient-machine.ts'
import { patientMachine } from './patient-machine.ts'

export interface Story {
  /** The simulated BMC. */
  readonly bmc: string
  readonly ends: 'success' | 'failure'
  /** One death after the other, each of a life of its own; the life after the last one goes on to the end. */
  readonly deaths: readonly DeathPlan[]
  /** Another worker, with another clock, takes over what a dead one held; else the same one begins again. */
  readonly takeover: boolean
  /** An operator cancels when the first life has done so many steps. */
  readonly cancelAt?: number
  /** Once the job has ended its BMC does so many requests no more, or does them and never answers. */
  readonly outage?: Outage
}

export interface Outage {
  readonly requests: number
  readonly when: 'before' | 'after'
}

export interface Outcome {
  readonly job: Job
  readonly history: readonly string[]
  readonly machine: PatientMachine
  readonly power: 'on' | 'off'
  readonly media: number
  readonly armed: boolean
  /** Steps of each life. */
  readonly steps: readonly (readonly string[])[]
}

const ACCOUNT = { username: 'admin', password: 'pa55-w0rd' }
const LIMIT_MS = 60_000
const HOURS = 3_600_000

/** One job on one server, with a controller that dies as the story says. */
export async function tell(story: Story): Promise<Outcome> {
  const db = openDatabase(':memory:')
  const jobs = sqliteJobStore(db)
  const servers = sqliteServerStore(db, PLAIN_SEAL)
  const clock = systemClock
  let life: Life | undefined
  let id = ''
  let outages = 0
  const begins = () => {
    outages = story.outage?.requests ?? 0
  }
  const cut = () => (outages-- > 0 ? story.outage?.when : undefined)

  async function take(report: Report): Promise<void> {
    for (;;) {
      const now = life
      if (now !== undefined && !now.mortal.isDead()) {
        const taken = await Promise.race([apply(now, report).then(() => true), now.mortal.dead.then(() => false)])
        if (taken) return
      }
      await sleep(2)
    }
  }
  async function apply({ record }: Life, report: Report): Promise<void> {
    const at = clock.now()
    const progress = { step: 'image-linux', bytes: 1, totalBytes: 2, rate: null, message: null, at }
    if (report !== 'progress') begins()
    if (report === 'progress') await record.progress(id, 'running:image-linux', progress)
    else if (report === 'success') await record.apply(id, { type: 'reported-success' })
    else await record.apply(id, { type: 'reported-failure', failedStep: 'partition.service', message: 'no disk' })
  }

  const machine = patientMachine(story.ends, take)
  const simulation = parseSimulation(story.bmc)
  const simulator = await startSimulator({ ...simulation, ...ACCOUNT, serial: 'SN1', machine, clock })
  const bmc = { ...ACCOUNT, url: simulator.url, verifyTls: false }
  await servers.add({ serial: 'SN1', uuid: null, bmc, vendor: null, network: null, createdAt: clock.now() })
  const input = { serial: 'SN1', recipe: LINUX_RECIPE, idempotencyKey: null, retryOf: null }
  const { job } = await createJob(input, { jobs, servers, secrets: SECRETS, clock, reserved: new Set() })
  id = job.id

  const steps: (readonly string[])[] = []
  async function live(index: number, plan: DeathPlan | undefined): Promise<Job | undefined> {
    const cancel = (step: number) => {
      if (index !== 0 || step !== story.cancelAt) return
      begins()
      void jobRecord(jobs, clock, () => undefined)
        .apply(id, { type: 'cancelled' })
        .catch(() => undefined)
    }
    const mortal = createMortal(plan, cancel)
    steps.push(mortal.steps)
    const worker = story.takeover ? `w${index}` : 'w'
    const skewMs = story.takeover ? [0, 3 * HOURS, -2 * HOURS, HOURS][index % 4] : 0
    life = await startLife({ jobs, servers, bmcUrl: simulator.url, mortal, cut, worker, skewMs: skewMs ?? 0 })
    const done = await Promise.race([complete(mortal.dead), mortal.dead.then(() => undefined)])
    await life.end()
    return done
  }
  async function complete(dead: Promise<void>): Promise<Job | undefined> {
    let over = false
    void dead.then(() => {
      over = true
    })
    const until = Date.now() + LIMIT_MS
    while (!over) {
      const now = await jobs.find(id)
      if (now?.status === 'complete') return now
      if (Date.now() > until)
        throw new Error(`the job does not end: ${JSON.stringify({ story, now: now?.phase, steps })}`)
      await sleep(5)
    }
    return undefined
  }

  try {
    let done: Job | undefined
    for (const [index, plan] of [...story.deaths, undefined].entries()) done ??= await live(index, plan)
    if (done === undefined) throw new Error('the last life died')
    const history = (await jobs.history(id, 0)).map(({ type, message }) => `${type}: ${message}`)
    const media = Object.values(simulator.images()).filter((image) => image !== undefined).length
    // Closing the simulator stops its machine.
    return { job: done, history, machine, power: machine.power(), media, armed: simulator.armed(), steps }
  } finally {
    await simulator.close()
    db.close()
  }
}
