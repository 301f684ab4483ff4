import { onTestFinished } from 'vitest'
import type { BmcAddress } from '../../src/server/jobs/bmc-ports.ts'
import { SIMULATED_TIMING } from '../../src/server/redfish/timing.ts'
import { systemClock } from '../../src/shared/time.ts'
import type { SimulatedMachine } from '../../src/simulators/machine.ts'
import type { Profile } from '../../src/simulators/profile.ts'
import { parseSimulation } from '../../src/simulators/profiles.ts'
import { type Simulator, startSimulator } from '../../src/simulators/simulator.ts'
import { idleMachine } from './idle-machine.ts'

/** Nothing is waited for, and much time is given: a busy test machine must not look like a broken BMC. */
export const QUICK = { ...SIMULATED_TIMING, pollMs: 1, waitFactor: 0.0001 }

export const ACCOUNT = { username: 'admin', password: 'pa55-w0rd' }

export interface Simulated {
  readonly simulator: Simulator
  readonly machine: SimulatedMachine
  readonly address: BmcAddress
}

/** A simulated BMC such as `idrac9+busy` that ends with the test; its machine reads nothing unless one is given. */
export async function simulated(
  what: string,
  machine: SimulatedMachine = idleMachine('on'),
  password: string = ACCOUNT.password,
  change: (profile: Profile) => Profile = (profile) => profile,
): Promise<Simulated> {
  const { profile, faults } = parseSimulation(what)
  const simulator = await startSimulator({
    profile: change(profile),
    faults,
    ...ACCOUNT,
    password,
    serial: 'SN-1',
    machine,
    clock: systemClock,
  })
  onTestFinished(() => simulator.close())
  return { simulator, machine, address: { ...ACCOUNT, password, url: simulator.url, verifyTls: false, serial: 'SN-1' } }
}

/** `POST …/InsertMedia {"Image":…} 204`-like lines of what changed something, in order; sessions left out. */
export function changes({ requests }: Simulator): readonly string[] {
  const changing = requests.filter(({ method, path }) => method !== 'GET' && !path.includes('/Sessions'))
  return changing.map(({ method, path, body, status, headers }) => {
    const match = headers['if-match'] === undefined ? '' : ' If-Match'
    const text = JSON.stringify(body ?? '').replaceAll(/https?:\/\/[^"]*\//g, '')
    return `${method} ${path.split('/').slice(-3).join('/')} ${text}${match} ${status}`
  })
}
