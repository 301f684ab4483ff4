/** What was looked at, in this order. */
export type Check =
  | 'reachable'
  | 'login'
  | 'identity'
  | 'clock'
  | 'power'
  | 'slots'
  | 'boot'
  | 'insert'
  | 'licence'
  | 'fetch'
  | 'eject'
  | 'learned'

/** Fit for jobs: nothing is wrong, and the BMC was seen to fetch a medium, without which nobody knows. */
export function isFit(findings: readonly Finding[]): boolean {
  const isFetched = findings.some(({ check, state }) => check === 'fetch' && state === 'ok')
  return isFetched && findings.every(({ state }) => state !== 'failed')
}

/** One line of a doctor's report. */
export interface Finding {
  readonly check: Check
  readonly state: 'ok' | 'warning' | 'failed' | 'skipped'
  /** What was found. */
  readonly message: string
  /** What to do about it; null when there is nothing to do. */
  readonly advice: string | null
}
