import { errorText } from '../shared/errors.ts'
import type { MachineOptions, SimulatedMachine } from './machine.ts'
import { playMaintenance } from './maintenance.ts'
import { openMedium, probeMedium } from './medium-reader.ts'

/** A machine that boots what is inserted. */
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
    async probe(url, whole, trusted) {
      if (faults.has('never-reads')) return
      await probeMedium(url, AbortSignal.timeout(120_000), trusted)
      if (whole) await readAll(url)
    },
    wroteNvram: () => wrote,
    settled: () => running,
  }
}

async function readAll(url: string): Promise<void> {
  const medium = await openMedium(url, AbortSignal.timeout(300_000))
  const CHUNK = 4 * 1024 * 1024
  for (let at = 0; at < medium.size; at += CHUNK) await medium.readAt(at, CHUNK)
}
