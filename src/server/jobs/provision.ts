import { AppError, errorText, isAppError } from '../../shared/errors.ts'
import { withTimeout } from '../../shared/time.ts'
import { withBmc } from './bmc-session.ts'
import { webhookBudget } from './budgets.ts'
import type { WorkerDeps } from './deps.ts'
import type { Job } from './machine.ts'
import { isBooted } from './machine.ts'
import type { Bmc, Server } from './ports.ts'

/**
 * Brings a claimed job to the point where only the maintenance OS can go on. Every part may be repeated.
 *
 * The server is switched off before the phase becomes `booting` and on after it. So whoever finds a job that is
 * `booting` knows: a server that is off was never started, and one that is on must not be touched. That is how a killed
 * controller never reboots a machine in mid-install.
 */
export async function bootMaintenance(job: Job, server: Server, deps: WorkerDeps, signal: AbortSignal): Promise<void> {
  const step = { name: 'iso.build' }
  const limited = withTimeout(signal, deps.budgets.mountMs)
  try {
    if (isBooted(job)) {
      step.name = 'redfish.reset'
      if (job.phase === 'booting') await resumeBoot(job, server, deps, limited)
      return
    }
    deps.media.prepare(job, server)
    await deps.record.enter(job.id, 'mounting')
    step.name = 'redfish.discover'
    await withBmc(server, deps, limited, (bmc) => mountAndStart(job, bmc, step, deps, limited))
  } catch (error) {
    if (signal.aborted || error instanceof StepFailure) throw error
    throw new StepFailure(step.name, explain(error, limited), { cause: error })
  }
}

/** A failure of the controller's own part, under the key that the API reports as `failed_step`. */
export class StepFailure extends Error {
  override readonly name = 'StepFailure'
  readonly step: string

  constructor(step: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.step = step
  }
}

async function mountAndStart(
  job: Job,
  bmc: Bmc,
  step: { name: string },
  deps: WorkerDeps,
  signal: AbortSignal,
): Promise<void> {
  const facts = await bmc.facts(signal)
  await deps.note(job.id, 'bmc', `${facts.vendor} ${facts.model}, firmware ${facts.firmware}`)
  if (facts.serial !== undefined && facts.serial !== job.serverSerial) {
    const text = `Cannot use this BMC: it belongs to server "${facts.serial}", not "${job.serverSerial}"`
    throw new AppError('redfish-answer', text)
  }
  await bmc.insertMedia(deps.media.urls(job), (name) => (step.name = name), signal)
  step.name = 'redfish.boot-override'
  await bmc.bootOnceFromCd(signal)
  step.name = 'redfish.reset'
  await bmc.powerOff(signal)
  const deadline = new Date(deps.clock.now().getTime() + webhookBudget(job.taskTarget, deps.budgets))
  const booting = await deps.record.enter(job.id, 'booting', { deadline })
  if (booting.phase === 'booting') await bmc.powerOn(withTimeout(signal, deps.budgets.resetMs))
}

async function resumeBoot(job: Job, server: Server, deps: WorkerDeps, signal: AbortSignal): Promise<void> {
  await withBmc(server, deps, signal, async (bmc) => {
    if ((await bmc.power(signal)) === 'on') {
      await deps.note(job.id, 'note', 'the controller was restarted; the server is on, so the job waits on')
      return
    }
    await deps.note(job.id, 'note', 'the controller was restarted before the server was started')
    await bmc.powerOn(withTimeout(signal, deps.budgets.resetMs))
  })
}

function explain(error: unknown, limited: AbortSignal): string {
  if (limited.aborted && !isAppError(error)) return 'it did not end in its time'
  const problems = isAppError(error) ? error.problems.map(({ path, message }) => `${path}: ${message}`) : []
  return [errorText(error), ...problems].join('; ')
}
