import type { SimulatedMachine } from '../../src/simulators/machine.ts'

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
