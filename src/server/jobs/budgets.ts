import { isFirmwareTarget } from '../../shared/recipe/rules-target.ts'
import type { Budgets } from './ports.ts'

const MINUTE = 60_000

/** How long each part of a job may take (docs/contracts.md section 2). */
export const BUDGETS: Budgets = {
  mountMs: 20 * MINUTE,
  resetMs: 15 * MINUTE,
  webhookMs: 120 * MINUTE,
  // The step may take an hour, and a server that is switched off while it writes its firmware may be lost.
  firmwareMs: 90 * MINUTE,
  cleanupMs: 10 * MINUTE,
  silenceMs: 5 * MINUTE,
  lateStartMs: MINUTE,
}

/** The wait for the webhook, from the reset on. */
export function webhookBudget(taskTarget: string, budgets: Budgets): number {
  return isFirmwareTarget(taskTarget) ? budgets.firmwareMs : budgets.webhookMs
}

/** The budgets with those that an operator set, in minutes: `{ webhook: 180 }`. */
export function budgetsWith(minutes: Readonly<Record<string, number>>): Budgets {
  const set = Object.entries(minutes).map(([name, count]) => [`${name}Ms`, count * MINUTE])
  return { ...BUDGETS, ...Object.fromEntries(set) }
}
