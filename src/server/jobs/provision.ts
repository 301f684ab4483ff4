import { errorText, isAppError } from '../../shared/errors.ts'
import { retryWithin, withTimeout } from '../../shared/time.ts'
import type { Bmc, BmcFacts, OnMount } from './bmc-ports.ts'
import { bmcRefusal } from './bmc-refusal.ts'
import { orAfterRestart, restartIfStuck } from './bmc-restart.ts'
import { mayPass, patientWith, withBmc, withReadyBmc } from './bmc-session.ts'
import { webhookBudget } from './budgets.ts'
import type { HeldDeps } from './deps.ts'
import type { ControllerStep, Job } from './machine.ts'
import { isBooted } from './machine.ts'
import type { Budgets, Server } from './ports.ts'

/** Of a failure: parts of it are what the BMC says. */
const MAX_MESSAGE = 8 * 1024

/**
 * Brings a claimed job to the point where only the maintenance OS can go on. Every part may be repeated.
 *
 * The server is switched off before the phase becomes `booting` and on after it. So whoever finds a job that is
 * `booting` knows: a server that is off was never started, and one that is on must not be touched. That is how a killed
 * controller never reboots a machine in mid-install.
 */
export async function bootMaintenance(job: Job, server: Server, deps: HeldDeps, signal: AbortSignal): Promise<void> {
  const { budgets } = deps
  const stage: Stage = { step: 'iso.build', limit: withTimeout(signal, budgets.mountMs) }
  try {
    if (isBooted(job)) {
      if (job.phase !== 'booting') return
      checkMedia(job, server, deps)
      enterReset(stage, signal, budgets)
      await startPatiently(job, server, deps, stage.limit, RESTARTED)
      return
    }
    deps.media.prepare(job, server)
    const mount = () => {
      stage.step = 'redfish.discover'
      return withReadyBmc(job, server, deps, stage.limit, (bmc, facts) =>
        mountAndStart(job, server, { bmc, facts }, stage, deps, signal),
      )
    }
    const refusal = await orAfterRestart(job, mount, deps, stage.limit)
    if (refusal !== undefined) await startPatiently(job, server, deps, stage.limit, refusal)
  } catch (error) {
    if (signal.aborted || error instanceof StepFailure) throw error
    throw new StepFailure(stage.step, explain(error, stage.limit), { cause: error })
  }
}

/** What is done now, and until when it has to be done. */
interface Stage {
  step: ControllerStep
  limit: AbortSignal
}

/** Off and on have a time of their own, however long the media took. */
function enterReset(stage: Stage, signal: AbortSignal, { resetMs }: Budgets): void {
  stage.step = 'redfish.reset'
  stage.limit = withTimeout(signal, resetMs)
}

/** A server that starts from media is not given the rest of others. */
function checkMedia(job: Job, server: Server, { media }: HeldDeps): void {
  if (media.isServed(job, server)) return
  throw new StepFailure('iso.serve', 'the server started from media that this controller does not serve any more')
}

/** False once only the maintenance OS can go on: then waiting is all there is to do. */
export function needsBmc(job: Job): boolean {
  return !isBooted(job) || job.phase === 'booting'
}

/** A failure of the controller's own part, under the key that the API reports as `failed_step`. */
export class StepFailure extends Error {
  override readonly name = 'StepFailure'
  readonly step: ControllerStep

  constructor(step: ControllerStep, message: string, options?: ErrorOptions) {
    super(message, options)
    this.step = step
  }
}

/** Gives why the server could not be switched on, when that may pass. */
async function mountAndStart(
  job: Job,
  server: Server,
  { bmc, facts }: { readonly bmc: Bmc; readonly facts: BmcFacts },
  stage: Stage,
  deps: HeldDeps,
  signal: AbortSignal,
): Promise<Stall | undefined> {
  await deps.note(job.id, 'bmc', `${facts.vendor} ${facts.model}, firmware ${facts.firmware}`)
  // Once more: while the BMC was waited for, another image may have taken the place of the one there was.
  stage.step = 'iso.build'
  const media = deps.media.prepare(job, server)
  // From here on the server is touched. A job that ended meanwhile never gets there.
  const mounting = await deps.record.enter(job.id, 'mounting', media)
  if (mounting.status !== 'provisioning' || mounting.phase !== 'mounting') return
  deps.assertHeld()
  const onStep: OnMount = async (step, note) => {
    stage.step = step
    if (note !== undefined) await deps.note(job.id, 'bmc', note)
  }
  await bmc
    .insertMedia(deps.media.urls(job), onStep, stage.limit)
    .catch((error: unknown) => restartIfStuck(job, bmc, error, deps, stage.limit))
  if (bmc.armsWhenOff) {
    stage.step = 'redfish.reset'
    if (!(await switchOff(job, bmc, deps, stage.limit))) return
  }
  stage.step = 'redfish.boot-override'
  await bmc.bootOnceFromCd(stage.limit)
  enterReset(stage, signal, deps.budgets)
  if (!(await switchOff(job, bmc, deps, stage.limit))) return
  const booting = await deps.record.starting(job.id, newDeadline(job, deps))
  if (booting.status !== 'provisioning' || booting.phase !== 'booting') return
  deps.assertHeld()
  try {
    await bmc.powerOn(stage.limit)
  } catch (error) {
    if (stage.limit.aborted || !mayYetStart(error)) throw error
    await deps.note(job.id, 'note', `the server is not switched on, trying on: ${errorText(error)}`)
    return { isOn: 'the server is on, so the job waits on', isOff: undefined, error }
  }
}

/** False when whoever else was faster has started the server: it is not switched off under the maintenance OS. */
async function switchOff(job: Job, bmc: Bmc, deps: HeldDeps, signal: AbortSignal): Promise<boolean> {
  const before = await deps.jobs.find(job.id)
  if (before?.status !== 'provisioning' || isBooted(before)) return false
  deps.assertHeld()
  await bmc.powerOff(signal)
  return true
}

/** Why a server that is to start is looked at once more, and what is noted of how it was found. */
interface Stall {
  readonly isOn: string
  readonly isOff: string | undefined
  readonly error?: unknown
}

const RESTARTED: Stall = {
  isOn: 'the controller was restarted; the server is on, so the job waits on',
  isOff: 'the controller was restarted before the server was started',
}

/**
 * Asks the BMC until it answers: a server that works must not be failed, and switched off, because its BMC is busy. Ends
 * as soon as the maintenance OS is heard of.
 */
async function startPatiently(
  job: Job,
  server: Server,
  deps: HeldDeps,
  limit: AbortSignal,
  stall: Stall,
): Promise<void> {
  const noted = new Set<string>()
  const note = async (text: string) => {
    if (!noted.has(text)) await deps.note(job.id, 'note', text)
    noted.add(text)
  }
  const look = async () => {
    const now = await deps.jobs.find(job.id)
    if (now?.status !== 'provisioning' || now.phase !== 'booting') return
    await withBmc(server, deps, limit, (bmc) => startUnlessOn(job, bmc, deps, { stall, note }, limit))
  }
  const attempt = (number: number) =>
    look().catch(async (error: unknown) => {
      const isNews = number === 0 && stall.error === undefined && !limit.aborted
      if (isNews) await note(`the BMC cannot be asked, trying on: ${errorText(error)}`)
      throw error
    })
  const isPatient = patientWith()
  const mayGoOn = (error: unknown) => mayYetStart(error) && isPatient(error)
  await retryWithin(attempt, deps.patience, mayGoOn, limit).catch((error: unknown) => {
    // The time was over before the first look was.
    throw limit.aborted && !isAppError(error) ? (stall.error ?? error) : error
  })
}

/** Not when the order itself is refused for good, which is told at once. */
function mayYetStart(error: unknown): boolean {
  return mayPass(error) && !bmcRefusal(error).isFinal
}

async function startUnlessOn(
  job: Job,
  bmc: Bmc,
  deps: HeldDeps,
  { stall, note }: { readonly stall: Stall; note(text: string): Promise<void> },
  signal: AbortSignal,
): Promise<void> {
  if ((await bmc.power(signal)) === 'on') return note(stall.isOn)
  if (stall.isOff !== undefined) await note(stall.isOff)
  // The wait begins now, however long the controller was away.
  const booting = await deps.record.starting(job.id, newDeadline(job, deps))
  if (booting.status !== 'provisioning' || booting.phase !== 'booting') return
  deps.assertHeld()
  await bmc.powerOn(signal)
}

function newDeadline(job: Job, deps: HeldDeps): Date {
  return new Date(deps.clock.now().getTime() + webhookBudget(job.taskTarget, deps.budgets))
}

function explain(error: unknown, limit: AbortSignal): string {
  if (limit.aborted && !isAppError(error)) return 'it did not end in its time'
  const problems = isAppError(error) ? error.problems.map(({ path, message }) => `${path}: ${message}`) : []
  return [errorText(error), ...problems].join('; ').slice(0, MAX_MESSAGE)
}
