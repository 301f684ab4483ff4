import { systemClock } from '../../src/shared/time.ts'
import type { SimulatedMachine } from '../../src/simulators/machine.ts'
import { parseSimulation } from '../../src/simulators/profiles.ts'
import { simulatedMachine } from '../../src/simulators/simulated-machine.ts'
import type { Simulator } from '../../src/simulators/simulator.ts'
import { startSimulator } from '../../src/simulators/simulator.ts'

/* The process of all BMCs and of the machines behind them: it lives on when the controller dies. */

export interface BmcOrder {
  readonly type: 'start' | 'summary'
  readonly serials: readonly string[]
  readonly stepMs: number
}

/** What was done to one server. */
export interface Effects {
  readonly serial: string
  readonly starts: readonly ('cd' | 'disk')[]
  readonly power: 'on' | 'off'
  readonly media: number
  readonly sessions: number
  readonly stuck: boolean
}

export type BmcReport =
  | { readonly type: 'started'; readonly urls: readonly string[] }
  | { readonly type: 'summary'; readonly effects: readonly Effects[] }

export const ACCOUNT = { username: 'admin', password: 'pa55-w0rd' }

/** Those that take media over plain HTTP; one after the other. */
const KINDS = ['idrac9', 'ilo6', 'xcc2', 'supermicro-x13', 'openbmc', 'cisco', 'nokia', 'idrac8']

const bmcs = new Map<string, { readonly machine: SimulatedMachine; readonly simulator: Simulator }>()

async function start(serial: string, index: number, stepMs: number): Promise<string> {
  const { profile, faults } = parseSimulation(KINDS[index % KINDS.length] ?? '')
  const machine = simulatedMachine({ serial, power: 'on', plays: true, faults, stepMs, say: complain })
  const simulator = await startSimulator({ profile, faults, ...ACCOUNT, serial, machine, clock: systemClock })
  bmcs.set(serial, { machine, simulator })
  return simulator.url
}

function complain(line: string): void {
  if (line.includes('stopped')) console.error(line)
}

function effectsOf(serial: string): Effects {
  const found = bmcs.get(serial)
  if (found === undefined) throw new Error(`there is no BMC of ${serial}`)
  const { machine, simulator } = found
  return {
    serial,
    starts: machine.starts,
    power: machine.power(),
    media: Object.values(simulator.images()).filter((image) => image !== undefined).length,
    sessions: simulator.sessions(),
    stuck: simulator.stuck(),
  }
}

async function obey({ type, serials, stepMs }: BmcOrder): Promise<BmcReport> {
  if (type === 'summary') return { type, effects: serials.map(effectsOf) }
  const urls: string[] = []
  for (const [index, serial] of serials.entries()) urls.push(await start(serial, index, stepMs))
  return { type: 'started', urls }
}

process.on('message', (order: BmcOrder) => void obey(order).then((report) => process.send?.(report)))
process.on('disconnect', () => process.exit())
