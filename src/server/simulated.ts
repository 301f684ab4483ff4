import type { Logger } from '../shared/log.ts'
import type { Clock } from '../shared/time.ts'
import { parseSimulation } from '../simulators/profiles.ts'
import { simulatedMachine } from '../simulators/simulated-machine.ts'
import { type Simulator, startSimulator } from '../simulators/simulator.ts'
import type { BmcAddress } from './jobs/bmc-ports.ts'

/** A server whose BMC address begins so has a simulated BMC in this process: `simulate:idrac9+no-licence`. */
const SIMULATE = 'simulate:'

/** Milliseconds between two things that a simulated maintenance OS does, so that a person can watch. */
const STEP_MS = 700

export interface SimulatedBmcs {
  /** The address as it can be reached: a simulated BMC is started when it is first asked for. */
  resolve(address: BmcAddress): Promise<BmcAddress>
  /** Ends those of a server that is not registered any more. */
  forget(serial: string): Promise<void>
  close(): Promise<void>
}

export function simulatedBmcs(clock: Clock, log: Logger, stepMs: number = STEP_MS): SimulatedBmcs {
  const running = new Map<string, Promise<Simulator>>()

  function start({ url, username, password, serial = '' }: BmcAddress): Promise<Simulator> {
    const { profile, faults } = parseSimulation(url.slice(SIMULATE.length))
    const say = (line: string) => log.info({ serial, simulated: profile.name }, line)
    const machine = simulatedMachine({
      serial,
      power: 'on',
      plays: true,
      faults,
      stepMs: faults.has('quick') ? 0 : stepMs,
      say,
    })
    return startSimulator({ profile, faults, serial, username, password, machine, clock })
  }

  async function end(started: Iterable<Promise<Simulator>>): Promise<void> {
    await Promise.all(
      [...started].map((one) =>
        one.then(
          (it) => it.close(),
          () => undefined,
        ),
      ),
    )
  }

  return {
    async resolve(address) {
      if (!isSimulated(address)) return address
      const key = `${address.serial} ${address.url}`
      const simulator = running.get(key) ?? start(address)
      running.set(key, simulator)
      try {
        return { ...address, url: (await simulator).url }
      } catch (error) {
        // The next who asks starts it anew.
        if (running.get(key) === simulator) running.delete(key)
        throw error
      }
    },
    async forget(serial) {
      const theirs = [...running].filter(([key]) => key.startsWith(`${serial} `))
      for (const [key] of theirs) running.delete(key)
      await end(theirs.map(([, started]) => started))
    },
    close: () => end(running.values()),
  }
}

export function isSimulated({ url }: Pick<BmcAddress, 'url'>): boolean {
  return url.startsWith(SIMULATE)
}

/** @throws `request-invalid` when the address names a simulation that there is not */
export function checkSimulation(url: string): void {
  if (isSimulated({ url })) parseSimulation(url.slice(SIMULATE.length))
}
