import { errorText } from '../../shared/errors.ts'
import type { Backoff } from '../../shared/time.ts'
import { sleep } from '../../shared/time.ts'
import { PATIENCE } from './bmc-session.ts'
import { cleanUp } from './cleanup.ts'
import type { Conversations } from './conversations.ts'
import type { HeldDeps, WorkerDeps } from './deps.ts'
import type { Job } from './machine.ts'
import { hasEnded, isTouched } from './machine.ts'
import { bootMaintenance, needsBmc, StepFailure } from './provision.ts'
import type { TenureTimes } from './tenure.ts'
import { beginTenure } from './tenure.ts'
import type { Vigil } from './vigil.ts'
import { createVigil } from './vigil.ts'

export interface WorkerTimes extends TenureTimes {
  /** Between two looks for new jobs, when there was none. */
  readonly idleMs: number
  /** Between two looks at those who wait. */
  readonly lookMs: number
  /** Work that stopped by an error of our own (a full disk) is tried again after this. */
  readonly againMs: number
  readonly patience: Backoff
}

export const WORKER_TIMES: WorkerTimes = {
  beatMs: 5_000,
  leaseMs: 60_000,
  idleMs: 500,
  lookMs: 5_000,
  againMs: 60_000,
  patience: PATIENCE,
}

/** All of them are read in one go, in which nobody is answered; so a thousand jobs that wait are begun within seconds, not at once. */
const LEASED_AT_ONCE = 16
const PACE_MS = 50

/** One worker at its work. */
interface Work<D = HeldDeps> {
  readonly deps: D
  readonly conversations: Conversations
  readonly vigil: Vigil
  /** Jobs that are being provisioned here. */
  readonly open: Set<string>
}

/**
 * Works on jobs until `signal` aborts, then waits until each has let go. `conversations` limits the BMCs that are talked
 * to at the same time, not the servers that install themselves. A store that cannot write stops nothing for good.
 */
export async function runWorker(
  worker: string,
  conversations: Conversations,
  deps: WorkerDeps,
  signal: AbortSignal,
  times: WorkerTimes = WORKER_TIMES,
): Promise<void> {
  while (!signal.aborted) {
    deps.turned?.()
    try {
      await deps.jobs.enlist(worker)
    } catch (error) {
      deps.log.error({ err: error }, 'the worker cannot begin')
      await sleep(times.idleMs, signal).catch(() => undefined)
      continue
    }
    await serveTenure(worker, conversations, deps, signal, times)
  }
  await deps.jobs
    .releaseAll(worker)
    .catch((error: unknown) => deps.log.warn({ err: error }, 'the jobs are not released'))
}

async function serveTenure(
  worker: string,
  conversations: Conversations,
  deps: WorkerDeps,
  signal: AbortSignal,
  times: WorkerTimes,
): Promise<void> {
  const open = new Set<string>()
  async function onEnded(ids: readonly string[]): Promise<void> {
    for (const id of ids.filter((one) => open.has(one))) {
      const job = await deps.jobs.find(id)
      if (job !== undefined) deps.feed.job(job)
    }
  }
  const { jobs, log } = deps
  const tookOver = () => deps.tookOver?.()
  const tenure = beginTenure(worker, { ...times, jobs, log, onEnded, tookOver }, signal)
  const mine = { ...deps, record: deps.record.heldBy(worker), assertHeld: tenure.assert, patience: times.patience }
  const vigil = createVigil(mine)
  const going = AbortSignal.any([signal, tenure.lost])
  const watching = vigil.run(times.lookMs, going)
  const held = new Map<string, Promise<void>>()
  while (!going.aborted) {
    deps.turned?.()
    // As many as can be begun soon; the others keep their place in the store.
    const room = Math.min(LEASED_AT_ONCE, 2 * conversations.limit - (held.size - vigil.waiting()))
    const leased = await deps.jobs.lease(worker, room).catch((error: unknown) => {
      deps.log.error({ err: error }, 'no job can be leased')
      return []
    })
    for (const job of leased) {
      const working = workHeld(job, { deps: mine, conversations, vigil, open }, times.againMs, going)
      held.set(
        job.id,
        working.finally(() => held.delete(job.id)),
      )
    }
    const isIdle = leased.length === 0 || room <= 0
    await sleep(isIdle ? times.idleMs : Math.min(times.idleMs, PACE_MS), going).catch(() => undefined)
  }
  await Promise.all([...held.values(), watching, tenure.ended])
}

/** Never rejects. */
async function workHeld(
  leased: Job,
  work: Work<Omit<HeldDeps, 'budgets'>>,
  againMs: number,
  signal: AbortSignal,
): Promise<void> {
  const log = work.deps.log.child({ jobId: leased.id, serial: leased.serverSerial })
  const deps: HeldDeps = { ...work.deps, log, budgets: work.deps.budgetsNow() }
  let job: Job | undefined = leased
  while (!signal.aborted) {
    try {
      job ??= await work.deps.jobs.find(leased.id)
      if (job !== undefined) await workOn(job, { ...work, deps }, signal)
      return
    } catch (error) {
      if (signal.aborted) return
      log.error({ err: error }, 'work on the job stopped')
    }
    job = undefined
    await sleep(againMs, signal).catch(() => undefined)
  }
}

/** One job from wherever it stands to `complete`. */
async function workOn(leased: Job, work: Work, signal: AbortSignal): Promise<void> {
  const { deps, conversations } = work
  let job = leased
  if (!hasEnded(job)) job = await provision(job, work, signal)
  if (job.status !== 'succeeded' && job.status !== 'failed') return
  const ended = job
  const clean = () => cleanUp(ended, deps, signal)
  await (isTouched(ended) ? conversations.use('first', signal, clean) : clean())
  const { outcome, failedStep } = await deps.record.apply(job.id, { type: 'cleaned-up' })
  deps.log.info({ outcome, failedStep }, 'job complete')
}

/** Gives the job when it has ended, whoever ended it: the report, an operator, time, or what the BMC refused. */
async function provision(job: Job, work: Work, signal: AbortSignal): Promise<Job> {
  const { deps, conversations, vigil, open } = work
  const ended = new AbortController()
  const unlisten = deps.feed.listen(job.id, (happening) => {
    if (happening.kind === 'job' && hasEnded(happening.job)) ended.abort(new Error('the job ended'))
  })
  const going = AbortSignal.any([signal, ended.signal])
  open.add(job.id)
  try {
    if (needsBmc(job)) await conversations.use('next', going, () => converse(job, deps, going))
    return await vigil.outcome(job.id, deps.budgets, signal)
  } catch (error) {
    signal.throwIfAborted()
    const now = await deps.jobs.find(job.id)
    if (now !== undefined && hasEnded(now)) return now
    if (!(error instanceof StepFailure)) throw error
    // The maintenance OS was heard of meanwhile: what the BMC does is nothing to a server that works.
    if (now !== undefined && !needsBmc(now)) return await vigil.outcome(job.id, deps.budgets, signal)
    deps.log.warn({ err: error, step: error.step }, 'job failed in the controller')
    return deps.record.apply(job.id, { type: 'broke', failedStep: error.step, message: errorText(error) })
  } finally {
    open.delete(job.id)
    unlisten()
  }
}

async function converse(job: Job, deps: HeldDeps, signal: AbortSignal): Promise<void> {
  const claimed = job.status === 'queued' ? await deps.record.apply(job.id, { type: 'claimed' }) : job
  const server = await deps.servers.find(job.serverSerial)
  if (server === undefined)
    throw new StepFailure('redfish.discover', `server "${job.serverSerial}" is not registered any more`)
  await bootMaintenance(claimed, server, deps, signal)
}
