import { AppError, errorText, isAppError } from '../../shared/errors.ts'
import { type Backoff, retry } from '../../shared/time.ts'
import type { Bmc, BmcFacts } from './bmc-ports.ts'
import { bmcRefusal } from './bmc-refusal.ts'
import type { Conversation, WorkerDeps } from './deps.ts'
import type { Server } from './ports.ts'

/** A BMC that restarts or is busy: how it is asked again, for as long as the part of the job may take. */
export const PATIENCE: Backoff = { firstMs: 1_000, maxMs: 30_000, attempts: Number.POSITIVE_INFINITY }

/** With the waits between them two to three minutes: what a BMC takes to start. */
const READY_TRIES = 12

/** Logins that are refused before we give up: a BMC that restarts refuses some, and some lock an account after five. */
const MAX_REFUSALS = 4

/** What a BMC that restarts or is busy fails with; anything else is the same at the next try. */
export function mayPass(error: unknown): boolean {
  return isAppError(error, 'redfish-unreachable') || isAppError(error, 'redfish-answer')
}

/** The same for many tries of one conversation, to be asked once for each: a wrong password does not become right. */
export function patientWith(): (error: unknown) => boolean {
  let refusals = 0
  return (error) => {
    if (bmcRefusal(error).status === 401) refusals++
    return refusals < MAX_REFUSALS && mayPass(error)
  }
}

/**
 * Runs `action` logged in to the server's BMC and ends the session afterwards: session pools are small. A BMC that says it
 * belongs to another server is left alone, whatever was to be done: a mistyped address must not switch off a stranger.
 * @throws `redfish-unsupported`
 */
export async function withBmc<T>(
  server: Server,
  deps: WorkerDeps,
  signal: AbortSignal,
  action: (bmc: Bmc, facts: BmcFacts) => Promise<T>,
): Promise<T> {
  const bmc = await deps.connectBmc(server.bmc, signal)
  try {
    const facts = await bmc.facts(signal)
    checkOwner(facts, server)
    return await action(bmc, facts)
  } finally {
    await bmc
      .close()
      .catch((error: unknown) => deps.log.warn({ err: error, serial: server.serial }, 'BMC session not closed'))
  }
}

/**
 * As `withBmc`, and asks a BMC again that answers and is not ready: one that has just started lists no system for a minute.
 * What `action` throws is final, and so is a refused account, which some BMCs lock.
 */
export async function withReadyBmc<T>(
  { job, server, deps, limit }: Conversation,
  action: (bmc: Bmc, facts: BmcFacts) => Promise<T>,
): Promise<T> {
  let tries = 0
  let isReady = false
  const mayBecomeReady = (error: unknown) =>
    !isReady && isAppError(error, 'redfish-answer') && ![401, 403].includes(bmcRefusal(error).status ?? 0)
  const attempt = async () => {
    try {
      return await withBmc(server, deps, limit, (bmc, facts) => {
        isReady = true
        return action(bmc, facts)
      })
    } catch (error) {
      if (tries++ === 0 && mayBecomeReady(error) && !limit.aborted)
        await deps.note(job.id, 'note', `the BMC is not ready, trying on: ${errorText(error)}`)
      throw error
    }
  }
  return retry(attempt, { ...deps.patience, attempts: READY_TRIES }, mayBecomeReady, limit)
}

/** @throws `redfish-unsupported` when the BMC says that it belongs to another server */
export function checkOwner(facts: Pick<BmcFacts, 'serial'>, server: Pick<Server, 'serial'>): void {
  if (facts.serial === undefined || facts.serial === server.serial) return
  const text = `Cannot use this BMC: it belongs to server "${facts.serial}", not "${server.serial}"`
  throw new AppError('redfish-unsupported', text)
}
