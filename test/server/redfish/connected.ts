import { onTestFinished } from 'vitest'
import type { Bmc, BmcAddress } from '../../../src/server/jobs/bmc-ports.ts'
import { bmcConnector } from '../../../src/server/redfish/bmc.ts'
import type { Timing } from '../../../src/server/redfish/timing.ts'
import { type BmcOptions, type RunningBmc, startBmc } from '../../lab/bmc/bmc.ts'
import { type MemoryMachine, memoryMachine } from '../../lab/bmc/memory-machine.ts'

export const never = new AbortController().signal

/** Limits of a few looks, so that a BMC that never gets there is noticed at once. */
export const FAST: Timing = {
  requestMs: 2_000,
  actionMs: 2_000,
  pollMs: 1,
  taskMs: 1_000,
  slotMs: 20,
  powerMs: 400,
  waitFactor: 0.0001,
}

export const MEDIA = {
  maintenance: 'http://192.0.2.1/media/tok-1/maintenance.iso',
  task: 'http://192.0.2.1/media/tok-1/task.iso',
}

export interface Lab {
  readonly running: RunningBmc
  readonly machine: MemoryMachine
  readonly address: BmcAddress
}

/** A virtual BMC with a machine in memory; ends with the test. */
export async function lab(options: Partial<BmcOptions> & { readonly power?: 'on' | 'off' } = {}): Promise<Lab> {
  const machine = memoryMachine(options.power)
  const running = await startBmc({ machine, serial: 'SN-1', username: 'admin', password: 'pa55-w0rd', ...options })
  onTestFinished(() => running.close())
  const address = { url: running.url, username: 'admin', password: 'pa55-w0rd', verifyTls: false }
  return { running, machine, address }
}

/** The same, and our client connected to it. */
export async function connected(options: Parameters<typeof lab>[0] = {}): Promise<Lab & { readonly bmc: Bmc }> {
  const found = await lab(options)
  const bmc = await bmcConnector(FAST)(found.address, never)
  onTestFinished(() => bmc.close())
  return { ...found, bmc }
}

/** `POST InsertMedia`-like lines of what changed something, in order. */
export function changes({ log }: RunningBmc): readonly string[] {
  const changing = log.requests.filter(({ method, path }) => method !== 'GET' && !path.includes('/Sessions'))
  return changing.map(({ method, path, status }) => `${method} ${path.split('/').slice(4).join('/')} ${status}`)
}
