import { errorText } from '../shared/errors.ts'
import type { Fault } from './faults.ts'
import { playMaintenance } from './maintenance.ts'
import { openMedium, probeMedium } from './medium-reader.ts'

/** The computer behind a simulated BMC, as the BMC sees it. */
export interface Machine {
  power(): 'on' | 'off'
  /** Switches on: from the medium at the URL, or from the disk. `inserted` is every medium that is in. */
  start(boot: string | undefined, inserted: readonly string[]): void
  stop(): void
  /** What a BMC reads of a medium when it is inserted. Rejects when it cannot be read. */
  probe(url: string, whole: boolean): Promise<void>
  /** The system that ran wrote boot entries. */
  wroteNvram(): boolean
}

/** A machine that reads media over the network, and may play the maintenance OS. */
export interface SimulatedMachine extends Machine {
  /** `cd` and `disk`, one for each start. */
  readonly starts: readonly ('cd' | 'disk')[]
  /** Ends when what runs now has ended. */
  settled(): Promise<void>
}

export interface MachineOptions {
  readonly serial: string
  readonly power: 'on' | 'off'
  /** Plays the maintenance OS; else it only reads some of its medium. */
  readonly plays: boolean
  readonly faults: ReadonlySet<Fault>
  /** Milliseconds between two things that happen; 0 in tests. */
  readonly stepMs: number
  readonly say: (line: string) => void
}

export function simulatedMachine(options: MachineOptions): SimulatedMachine {
  const { faults, say } = options
  const starts: ('cd' | 'disk')[] = []
  let power = options.power
  let wrote = false
  let life = new AbortController()
  let running: Promise<void> = Promise.resolve()

  async function run(boot: string, inserted: readonly string[], signal: AbortSignal): Promise<void> {
    try {
      const installed = await playMaintenance(boot, inserted, options, signal)
      if (installed) wrote = true
    } catch (error) {
      if (!signal.aborted) say(`the maintenance OS stopped: ${errorText(error)}`)
    }
  }

  return {
    starts,
    power: () => power,
    start(boot, inserted) {
      power = 'on'
      starts.push(boot === undefined ? 'disk' : 'cd')
      life = new AbortController()
      if (boot !== undefined) running = run(boot, inserted, life.signal)
    },
    stop() {
      power = 'off'
      life.abort(new Error('the machine was switched off'))
    },
    async probe(url, whole) {
      if (faults.has('never-reads')) return
      await probeMedium(url, AbortSignal.timeout(30_000))
      if (whole) await readAll(url)
    },
    wroteNvram: () => wrote,
    settled: () => running,
  }
}

/** A machine that reads nothing, for tests of what talks to the BMC. */
export function idleMachine(power: 'on' | 'off' = 'off'): SimulatedMachine {
  const starts: ('cd' | 'disk')[] = []
  let state = power
  return {
    starts,
    power: () => state,
    start(boot) {
      state = 'on'
      starts.push(boot === undefined ? 'disk' : 'cd')
    },
    stop() {
      state = 'off'
    },
    probe: async () => undefined,
    wroteNvram: () => starts.includes('cd'),
    settled: async () => undefined,
  }
}

async function readAll(url: string): Promise<void> {
  const medium = await openMedium(url, AbortSignal.timeout(300_000))
  const CHUNK = 4 * 1024 * 1024
  for (let at = 0; at < medium.size; at += CHUNK) await medium.readAt(at, CHUNK)
}
