import type { Fault } from './faults.ts'

/** The computer behind a simulated BMC, as the BMC sees it. */
export interface Machine {
  power(): 'on' | 'off'
  /** Switches on: from the medium at the URL, or from the disk. `inserted` is every medium that is in. */
  start(boot: string | undefined, inserted: readonly string[]): void
  stop(): void
  /**
   * What a BMC reads of a medium when it is inserted. Rejects when it cannot be read, or its certificate is signed by none
   * of `trusted`.
   */
  probe(url: string, whole: boolean, trusted?: readonly string[]): Promise<void>
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
