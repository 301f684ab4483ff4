import type { SimulatedMachine } from '../../../src/simulators/machine.ts'

/** What a server that installs itself tells the controller: again and again until it is taken. */
export type Report = 'progress' | 'success' | 'failure'

export interface PatientMachine extends SimulatedMachine {
  /** Times it was switched off while a system was being installed that had not reported yet. */
  readonly interrupted: readonly string[]
}

/**
 * A server that, started from the medium, reports its progress twice and then its end. It asks nobody whether the
 * controller lives: `tell` resolves when a controller has taken the report.
 */
export function patientMachine(ends: 'success' | 'failure', tell: (report: Report) => Promise<void>): PatientMachine {
  const starts: ('cd' | 'disk')[] = []
  const interrupted: string[] = []
  let power: 'on' | 'off' = 'on'
  let installing = false
  let life = 0
  let running: Promise<void> = Promise.resolve()

  async function install(mine: number): Promise<void> {
    installing = true
    for (const report of ['progress', 'progress', ends] as const) {
      if (mine !== life) return
      await tell(report)
    }
    if (mine === life) installing = false
  }

  return {
    starts,
    interrupted,
    power: () => power,
    start(boot) {
      power = 'on'
      starts.push(boot === undefined ? 'disk' : 'cd')
      life++
      if (boot !== undefined) running = install(life)
    },
    stop() {
      power = 'off'
      if (installing) interrupted.push(`start ${starts.length}`)
      installing = false
      life++
    },
    probe: async () => undefined,
    wroteNvram: () => starts.includes('cd'),
    settled: () => running,
  }
}
