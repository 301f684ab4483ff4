import type { Reach } from './reach.ts'

/** One exchange with the BMC at `url`; no status when no answer came. */
export interface BmcExchange {
  readonly url: string
  readonly method: string
  readonly status: number | undefined
  readonly ms: number
}

/** How long the BMC is waited for, in milliseconds. Tests give their own. */
export interface Timing {
  /** One answer to a GET, PATCH or login. */
  readonly requestMs: number
  /** One answer to an action: some BMCs fetch the whole medium before they answer InsertMedia. */
  readonly actionMs: number
  /** Between two looks at a task, a slot or the power state. */
  readonly pollMs: number
  /** A task the BMC gave for an operation. */
  readonly taskMs: number
  /** A slot to show what was asked of it. */
  readonly slotMs: number
  /** The server to be on or off after it was told so. */
  readonly powerMs: number
  /** Multiplies the waits of the retry table and of the quirks; 1 outside tests. */
  readonly waitFactor: number
  /** Told of each exchange. */
  readonly observe?: (exchange: BmcExchange) => void
  /** Where BMCs may be; without it anywhere, as for those that are simulated in this process. */
  readonly reach?: Reach
}

export const REAL_TIMING: Timing = {
  requestMs: 60_000,
  actionMs: 300_000,
  pollMs: 2_000,
  taskMs: 600_000,
  slotMs: 60_000,
  powerMs: 300_000,
  waitFactor: 1,
}

/** For simulated BMCs: they count looks instead of seconds. */
export const SIMULATED_TIMING: Timing = {
  requestMs: 30_000,
  actionMs: 60_000,
  pollMs: 50,
  taskMs: 30_000,
  slotMs: 5_000,
  powerMs: 10_000,
  waitFactor: 0.01,
}
