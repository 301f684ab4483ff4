import { errorText, isAppError, problemLines } from '../../shared/errors.ts'
import { retryWithin, withTimeout } from '../../shared/time.ts'
import type { Bmc, BmcFacts, OnMount } from './bmc-ports.ts'
import { bmcRefusal } from './bmc-refusal.ts'
import { orAfterRestart, restartIfStuck } from './bmc-restart.ts'
import { mayPass, patientWith, withBmc, withReadyBmc } from './bmc-session.ts'
import { webhookBudget } from './budgets.ts'
import type { Conversation, HeldDeps } from './deps.ts'
import type { ControllerStep, Job } from './machine.ts'
import { isBooted, isBooting } from './machine.ts'
import type { Server } from './ports.ts'

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
  const boot: Boot = { job, server, deps, signal, step: 'iso.build', limit: withTimeout(signal, deps.budgets.mountMs) }
  try {
    if (isBooted(job)) {
      if (job.phase !== 'booting') return
      checkMedia(boot)
      enterReset(boot)
      await startPatiently(boot, RESTARTED)
      return
    }
    deps.media.prepare(job, server)
    const mount = () => {
      boot.step = 'redfish.discover'
      return withReadyBmc(boot, (bmc, facts) => mountAndStart(boot, bmc, facts))
    }
    const refusal = await orAfterRestart(boot, mount)
    if (refusal !== undefined) await startPatiently(boot, refusal)
  } catch (error) {
    if (signal.aborted || error instanceof StepFailure) throw error
    throw new StepFailure(boot.step, explain(error, boot.limit), { cause: error })
  }
}

/** One server on its way to the maintenance OS: what is done now, and until when it has to be done. */
interface Boot extends Conversation {
  readonly signal: AbortSignal
  step: ControllerStep
  limit: AbortSignal
}

/** Off and on have a time of their own, however long the media took. */
function enterReset(boot: Boot): void {
  boot.step = 'redfish.reset'
  boot.limit = withTimeout(boot.signal, boot.deps.budgets.resetMs)
}

/** A server that starts from media is not given the rest of others. */
function checkMedia({ job, server, deps }: Boot): void {
  if (deps.media.isServed(job, server)) return
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
async function mountAndStart(boot: Boot, bmc: Bmc, facts: BmcFacts): Promise<Stall | undefined> {
  const { job, server, deps } = boot
  await deps.note(job.id, 'bmc', `${facts.vendor} ${facts.model}, firmware ${facts.firmware}`)
  // Once more: while the BMC was waited for, another image may have taken the place of the one there was.
  boot.step = 'iso.build'
  const media = deps.media.prepare(job, server)
  // From here on the server is touched. A job that ended meanwhile never gets there.
  const mounting = await deps.record.enter(job.id, 'mounting', media)
  if (mounting.status !== 'provisioning' || mounting.phase !== 'mounting') return
  deps.assertHeld()
  const onStep: OnMount = async (step, note) => {
    boot.step = step
    if (note !== undefined) await deps.note(job.id, 'bmc', note)
  }
  await bmc
    .insertMedia(deps.media.urls(job), onStep, boot.limit)
    .catch((error: unknown) => restartIfStuck(boot, bmc, error))
  if (bmc.armsWhenOff) {
    boot.step = 'redfish.reset'
    if (!(await switchOff(boot, bmc))) return
  }
  boot.step = 'redfish.boot-override'
  await bmc.bootOnceFromCd(boot.limit)
  enterReset(boot)
  if (!(await switchOff(boot, bmc))) return
  try {
    await orderStart(boot, bmc)
  } catch (error) {
    if (boot.limit.aborted || !mayYetStart(error)) throw error
    await deps.note(job.id, 'note', `the server is not switched on, trying on: ${errorText(error)}`)
    return { isOn: 'the server is on, so the job waits on', isOff: undefined, error }
  }
}

/** False when whoever else was faster has started the server: it is not switched off under the maintenance OS. */
async function switchOff({ job, deps, limit }: Boot, bmc: Bmc): Promise<boolean> {
  const before = await deps.jobs.find(job.id)
  if (before?.status !== 'provisioning' || isBooted(before)) return false
  deps.assertHeld()
  await bmc.powerOff(limit)
  return true
}

/** Nothing when the job ended meanwhile. The wait for its report begins now, however long the controller was away. */
async function orderStart({ job, deps, limit }: Boot, bmc: Bmc): Promise<void> {
  const deadline = new Date(deps.clock.now().getTime() + webhookBudget(job.taskTarget, deps.budgets))
  if (!isBooting(await deps.record.starting(job.id, deadline))) return
  deps.assertHeld()
  await bmc.powerOn(limit)
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
async function startPatiently(boot: Boot, stall: Stall): Promise<void> {
  const { job, server, deps, limit } = boot
  const noted = new Set<string>()
  const note = async (text: string) => {
    if (!noted.has(text)) await deps.note(job.id, 'note', text)
    noted.add(text)
  }
  const look = async () => {
    const now = await deps.jobs.find(job.id)
    if (now === undefined || !isBooting(now)) return
    await withBmc(server, deps, limit, async (bmc) => {
      if ((await bmc.power(limit)) === 'on') return note(stall.isOn)
      if (stall.isOff !== undefined) await note(stall.isOff)
      await orderStart(boot, bmc)
    })
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

function explain(error: unknown, limit: AbortSignal): string {
  if (limit.aborted && !isAppError(error)) return 'it did not end in its time'
  return [errorText(error), ...problemLines(error)].join('; ').slice(0, MAX_MESSAGE)
}
