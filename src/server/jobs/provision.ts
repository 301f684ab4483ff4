import { errorText, isAppError } from '../../shared/errors.ts'
import { retry, withTimeout } from '../../shared/time.ts'
import type { Bmc, BmcFacts } from './bmc-ports.ts'
import { patientWith, withBmc } from './bmc-session.ts'
import { webhookBudget } from './budgets.ts'
import type { HeldDeps } from './deps.ts'
import type { ControllerStep, Job } from './machine.ts'
import { isBooted } from './machine.ts'
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
  const step: { name: ControllerStep } = { name: 'iso.build' }
  const limited = withTimeout(signal, deps.budgets.mountMs)
  try {
    if (isBooted(job)) {
      if (job.phase === 'booting') checkImage(job, deps)
      step.name = 'redfish.reset'
      if (job.phase === 'booting') await resumeBoot(job, server, deps, limited)
      return
    }
    deps.media.prepare(job, server)
    step.name = 'redfish.discover'
    await withBmc(server, deps, limited, (bmc, facts) => mountAndStart(job, bmc, facts, step, deps, limited))
  } catch (error) {
    if (signal.aborted || error instanceof StepFailure) throw error
    throw new StepFailure(step.name, explain(error, limited), { cause: error })
  }
}

/** A server that starts from an image is not given the rest of another one. */
function checkImage({ maintenance }: Job, { media }: HeldDeps): void {
  if (maintenance === null || maintenance === media.maintenance) return
  throw new StepFailure('iso.serve', 'the server started from a maintenance image that is not served any more')
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

async function mountAndStart(
  job: Job,
  bmc: Bmc,
  facts: BmcFacts,
  step: { name: ControllerStep },
  deps: HeldDeps,
  signal: AbortSignal,
): Promise<void> {
  await deps.note(job.id, 'bmc', `${facts.vendor} ${facts.model}, firmware ${facts.firmware}`)
  // From here on the server is touched. A job that ended meanwhile never gets there.
  const mounting = await deps.record.enter(job.id, 'mounting', { maintenance: deps.media.maintenance })
  if (mounting.status !== 'provisioning' || mounting.phase !== 'mounting') return
  deps.assertHeld()
  await bmc.insertMedia(deps.media.urls(job), (name) => (step.name = name), signal)
  step.name = 'redfish.boot-override'
  await bmc.bootOnceFromCd(signal)
  step.name = 'redfish.reset'
  const before = await deps.jobs.find(job.id)
  // Whoever else was faster has started the server: it is not switched off under the maintenance OS.
  if (before?.status !== 'provisioning' || isBooted(before)) return
  deps.assertHeld()
  await bmc.powerOff(signal)
  const booting = await deps.record.enter(job.id, 'booting', { deadline: newDeadline(job, deps) })
  if (booting.status !== 'provisioning' || booting.phase !== 'booting') return
  deps.assertHeld()
  await bmc.powerOn(withTimeout(signal, deps.budgets.resetMs))
}

/**
 * Asks the BMC until it answers: a server that works must not be failed, and switched off, because its BMC is busy. Ends
 * as soon as the maintenance OS is heard of.
 */
async function resumeBoot(job: Job, server: Server, deps: HeldDeps, signal: AbortSignal): Promise<void> {
  const limited = withTimeout(signal, deps.budgets.resetMs)
  let noted = false
  const look = async () => {
    const now = await deps.jobs.find(job.id)
    if (now?.status !== 'provisioning' || now.phase !== 'booting') return
    await withBmc(server, deps, limited, (bmc) => startUnlessOn(job, bmc, deps, limited)).catch(
      async (error: unknown) => {
        if (!noted && !limited.aborted)
          await deps.note(job.id, 'note', `the BMC cannot be asked, trying on: ${errorText(error)}`)
        noted = true
        throw error
      },
    )
  }
  await retry(look, deps.patience, patientWith(), limited)
}

async function startUnlessOn(job: Job, bmc: Bmc, deps: HeldDeps, signal: AbortSignal): Promise<void> {
  if ((await bmc.power(signal)) === 'on') {
    await deps.note(job.id, 'note', 'the controller was restarted; the server is on, so the job waits on')
    return
  }
  await deps.note(job.id, 'note', 'the controller was restarted before the server was started')
  // The wait begins now, however long the controller was away.
  const booting = await deps.record.enter(job.id, 'booting', { deadline: newDeadline(job, deps) })
  if (booting.status !== 'provisioning' || booting.phase !== 'booting') return
  deps.assertHeld()
  await bmc.powerOn(signal)
}

function newDeadline(job: Job, deps: HeldDeps): Date {
  return new Date(deps.clock.now().getTime() + webhookBudget(job.taskTarget, deps.budgets))
}

function explain(error: unknown, limited: AbortSignal): string {
  if (limited.aborted && !isAppError(error)) return 'it did not end in its time'
  const problems = isAppError(error) ? error.problems.map(({ path, message }) => `${path}: ${message}`) : []
  return [errorText(error), ...problems].join('; ').slice(0, MAX_MESSAGE)
}
