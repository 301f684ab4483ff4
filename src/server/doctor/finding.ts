/** What was looked at, in this order. */
export type Check =
  | 'reachable'
  | 'login'
  | 'identity'
  | 'power'
  | 'clock'
  | 'slots'
  | 'boot'
  | 'insert'
  | 'fetch'
  | 'eject'
  | 'learned'

/** One line of a doctor's report. */
export interface Finding {
  readonly check: Check
  readonly state: 'ok' | 'warning' | 'failed' | 'skipped'
  /** What was found. */
  readonly message: string
  /** What to do about it; null when there is nothing to do. */
  readonly advice: string | null
}
