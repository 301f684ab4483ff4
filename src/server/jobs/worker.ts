import { errorText } from '../../shared/errors.ts'
import { sleep } from '../../shared/time.ts'
import { cleanUp } from './cleanup.ts'
import type { WorkerDeps } from './deps.ts'
import type { Job } from './machine.ts'
import { bootMaintenance, StepFailure } from './provision.ts'

/** A lease is renewed three times before it would end. */
const LEASE_MS = 60_000
const RENEW_MS = LEASE_MS / 4
const IDLE_MS = 1_000
const POLL_MS = 5_000

/**
 * Works on up to `limit` jobs at a time until `signal` aborts, then waits until each has let go. A job is leased before
 * it is touched; whoever loses the lease stops at once.
 */
export async function runWorker(worker: string, limit: number, deps: WorkerDeps, signal: AbortSignal): Promise<void> {
  await deps.jobs.releaseAll(worker)
  const running = new Set<Promise<void>>()
  while (!signal.aborted) {
    const until = new Date(deps.clock.now().getTime() + LEASE_MS)
    const job = running.size < limit ? await deps.jobs.lease(worker, deps.clock.now(), until) : undefined
    if (job === undefined) {
      await sleep(IDLE_MS, signal).catch(() => undefined)
      continue
    }
    const work = workLeased(job, worker, deps, signal).finally(() => running.delete(work))
    running.add(work)
  }
  await Promise.all(running)
}

async function workLeased(job: Job, worker: string, deps: WorkerDeps, signal: AbortSignal): Promise<void> {
  const log = deps.log.child({ jobId: job.id, serial: job.serverSerial })
  const done = new AbortController()
  const lost = new AbortController()
  const held = AbortSignal.any([signal, lost.signal])
  const renewal = renewLease(job.id, worker, deps, lost, AbortSignal.any([done.signal, signal]))
  try {
    await workOn(job, { ...deps, log }, held)
  } catch (error) {
    if (!held.aborted) log.error({ err: error }, 'work on the job stopped')
  } finally {
    done.abort()
    await renewal
    if (!lost.signal.aborted) await deps.jobs.release(job.id, worker)
  }
}

async function renewLease(
  id: string,
  worker: string,
  deps: WorkerDeps,
  lost: AbortController,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await sleep(RENEW_MS, signal).catch(() => undefined)
    if (signal.aborted) return
    const kept = await deps.jobs.renew(id, worker, new Date(deps.clock.now().getTime() + LEASE_MS))
    if (!kept) return lost.abort(new Error('the lease was lost'))
  }
}

/** One job from wherever it stands to `complete`. */
async function workOn(leased: Job, deps: WorkerDeps, signal: AbortSignal): Promise<void> {
  let job = leased
  const server = await deps.servers.find(job.serverSerial)
  if (job.status === 'queued') job = await deps.record.apply(job.id, { type: 'claimed' })
  if (job.status === 'provisioning') job = await provision(job, deps, signal)
  if (job.status === 'succeeded' || job.status === 'failed') {
    await cleanUp(job, server, deps, signal)
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

/** Interrupts the work on a job that ended meanwhile: cancelled by an operator, or reported by a quick server. */
async function watchEnd(id: string, deps: WorkerDeps, ended: AbortController, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await deps.changes.next(id, POLL_MS, signal).catch(() => undefined)
    if (signal.aborted) return
    const job = await deps.jobs.find(id)
    if (job?.status !== 'provisioning') return ended.abort(new Error('the job ended'))
  }
}

/** Waits for the webhook until the job's deadline. */
async function waitForOutcome(id: string, deps: WorkerDeps, signal: AbortSignal): Promise<Job> {
  for (;;) {
    const job = await deps.jobs.find(id)
    if (job === undefined) throw new Error(`job ${id} vanished`)
    if (job.status !== 'provisioning') return job
    if (job.deadline !== null && deps.clock.now() >= job.deadline) {
      const message = `no report came from the maintenance OS; it was last seen ${job.phase === 'booting' ? 'never' : `in ${job.phase}`}`
      return deps.record.apply(id, { type: 'timed-out', failedStep: 'webhook.wait', message })
    }
    await deps.changes.next(id, POLL_MS, signal)
  }
}
