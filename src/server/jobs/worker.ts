import { errorText } from '../../shared/errors.ts'
import { sleep } from '../../shared/time.ts'
import { webhookBudget } from './budgets.ts'
import { cleanUp } from './cleanup.ts'
import type { WorkerDeps } from './deps.ts'
import type { Job } from './machine.ts'
import { bootMaintenance, StepFailure } from './provision.ts'

/** A lease is renewed three times before it would end. */
const LEASE_MS = 60_000
const RENEW_MS = LEASE_MS / 4
const IDLE_MS = 1_000
const POLL_MS = 5_000
/** A controller that was away longer than a job's deadline still listens this long: `notify` tries every minute. */
const GRACE_MS = 5 * 60_000

/**
 * Works on up to `limit` jobs at a time until `signal` aborts, then waits until each has let go. A job is leased before
 * it is touched; whoever loses the lease stops at once. A store that cannot write (a full disk) stops nothing for good.
 */
export async function runWorker(worker: string, limit: number, deps: WorkerDeps, signal: AbortSignal): Promise<void> {
  const running = new Map<string, Promise<void>>()
  let begun = false
  while (!signal.aborted) {
    deps.turned?.()
    let job: Job | undefined
    try {
      if (!begun) await deps.jobs.releaseAll(worker)
      begun = true
      const until = new Date(deps.clock.now().getTime() + LEASE_MS)
      job = running.size < limit ? await deps.jobs.lease(worker, deps.clock.now(), until) : undefined
    } catch (error) {
      deps.log.error({ err: error }, 'no job can be leased')
    }
    // A clock that jumps ends leases early: our own job is not begun a second time.
    if (job === undefined || running.has(job.id)) {
      await sleep(IDLE_MS, signal).catch(() => undefined)
      continue
    }
    const { id } = job
    running.set(
      id,
      workLeased(job, worker, deps, signal).finally(() => running.delete(id)),
    )
  }
  await Promise.all(running.values())
}

/** Never rejects. After an error the lease is left to end by itself: that is the pause before the next try. */
async function workLeased(job: Job, worker: string, deps: WorkerDeps, signal: AbortSignal): Promise<void> {
  const log = deps.log.child({ jobId: job.id, serial: job.serverSerial })
  const done = new AbortController()
  const lost = new AbortController()
  const held = AbortSignal.any([signal, lost.signal])
  const renewal = renewLease(job.id, worker, deps, lost, AbortSignal.any([done.signal, signal]))
  let failed = false
  try {
    await workOn(job, { ...deps, log }, held)
  } catch (error) {
    failed = !held.aborted
    if (failed) log.error({ err: error }, 'work on the job stopped')
  } finally {
    done.abort()
    await renewal
    if (!lost.signal.aborted && !failed) {
      await deps.jobs
        .release(job.id, worker)
        .catch((error: unknown) => log.warn({ err: error }, 'the lease is not released'))
    }
  }
}

/** Never rejects. A store that cannot be written for as long as a lease lasts has lost it. */
async function renewLease(
  id: string,
  worker: string,
  deps: WorkerDeps,
  lost: AbortController,
  signal: AbortSignal,
): Promise<void> {
  let renewedAt = performance.now()
  while (!signal.aborted) {
    await sleep(RENEW_MS, signal).catch(() => undefined)
    if (signal.aborted) return
    try {
      const kept = await deps.jobs.renew(id, worker, new Date(deps.clock.now().getTime() + LEASE_MS))
      if (!kept) return lost.abort(new Error('the lease was lost'))
      renewedAt = performance.now()
    } catch (error) {
      deps.log.error({ err: error, jobId: id }, 'the lease is not renewed')
      if (performance.now() - renewedAt >= LEASE_MS) return lost.abort(error)
    }
  }
}

/** One job from wherever it stands to `complete`. */
async function workOn(leased: Job, deps: WorkerDeps, signal: AbortSignal): Promise<void> {
  let job = leased
  if (job.status === 'queued') job = await deps.record.apply(job.id, { type: 'claimed' })
  if (job.status === 'provisioning') job = await provision(job, deps, signal)
  if (job.status === 'succeeded' || job.status === 'failed') {
    await cleanUp(job, deps, signal)
    job = await deps.record.apply(job.id, { type: 'cleaned-up' })
    deps.log.info({ outcome: job.outcome, failedStep: job.failedStep }, 'job complete')
  }
}

async function provision(job: Job, deps: WorkerDeps, signal: AbortSignal): Promise<Job> {
  const ended = new AbortController()
  const watching = watchEnd(job.id, deps, ended, AbortSignal.any([signal, ended.signal]))
  try {
    const server = await deps.servers.find(job.serverSerial)
    if (server === undefined)
      throw new StepFailure('redfish.discover', `server "${job.serverSerial}" is not registered any more`)
    await bootMaintenance(job, server, deps, AbortSignal.any([signal, ended.signal]))
    return await waitForOutcome(job.id, deps, signal)
  } catch (error) {
    signal.throwIfAborted()
    const now = await deps.jobs.find(job.id)
    if (now !== undefined && now.status !== 'provisioning') return now
    const step = error instanceof StepFailure ? error.step : 'redfish.poll'
    deps.log.warn({ err: error, step }, 'job failed in the controller')
    return deps.record.apply(job.id, { type: 'broke', failedStep: step, message: errorText(error) })
  } finally {
    ended.abort()
    await watching
  }
}

/** Never rejects. Interrupts the work on a job that ended meanwhile: cancelled by an operator, or reported by a quick server. */
async function watchEnd(id: string, deps: WorkerDeps, ended: AbortController, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await deps.changes.next(id, POLL_MS, signal).catch(() => undefined)
    if (signal.aborted) return
    try {
      const job = await deps.jobs.find(id)
      if (job?.status !== 'provisioning') return ended.abort(new Error('the job ended'))
    } catch (error) {
      deps.log.error({ err: error, jobId: id }, 'the job cannot be read')
    }
  }
}

/**
 * Waits for the webhook until the job's deadline. The time left is taken once, from the wall clock that outlives a restart;
 * then it runs by a clock that does not jump, so setting the time never fails a server in mid-install.
 */
async function waitForOutcome(id: string, deps: WorkerDeps, signal: AbortSignal): Promise<Job> {
  const begun = performance.now()
  let patience: number | undefined
  for (;;) {
    const job = await deps.jobs.find(id)
    if (job === undefined) throw new Error(`job ${id} vanished`)
    if (job.status !== 'provisioning') return job
    patience ??= patienceMs(job, deps)
    if (patience !== undefined && performance.now() - begun >= patience) {
      const seen = job.phase === 'booting' ? await deps.bootWatch.summary(job) : `it was last seen in ${job.phase}`
      const message = `no report came from the maintenance OS: ${seen}`
      return deps.record.apply(id, { type: 'timed-out', failedStep: 'webhook.wait', message })
    }
    if (job.phase === 'booting') await deps.bootWatch.check(job)
    await deps.changes.next(id, POLL_MS, signal)
  }
}

function patienceMs({ deadline, taskTarget }: Job, deps: WorkerDeps): number | undefined {
  if (deadline === null) return undefined
  const budget = webhookBudget(taskTarget, deps.budgets)
  const left = deadline.getTime() - deps.clock.now().getTime()
  return Math.min(budget, Math.max(left, Math.min(GRACE_MS, budget)))
}
