import type { Bmc, BmcAddress, BmcFacts, ConnectBmc, LearnedProfiles } from '../jobs/bmc-ports.ts'
import { type BootOnce, createBootOnce } from './boot-once.ts'
import { createClient, type RedfishClient } from './client.ts'
import { type Discovery, discover } from './discover.ts'
import { type Learning, openLearning } from './learning.ts'
import { createPower, type Power } from './power.ts'
import { restartBmc } from './restart.ts'
import type { Timing } from './timing.ts'
import { createVirtualMedia, type VirtualMedia } from './virtual-media.ts'

/** The session is deleted within this, or left to end by itself. */
const CLOSE_MS = 20_000

/** Everything about one BMC that is logged in. */
export interface OpenBmc {
  readonly client: RedfishClient
  readonly discovery: Discovery
  readonly learning: Learning
  readonly media: VirtualMedia
  readonly boot: BootOnce
  readonly power: Power
  close(): Promise<void>
}

/** The port's `ConnectBmc` by Redfish. With `profiles`, what works on a kind of BMC is kept there. */
export function bmcConnector(timing: Timing, profiles?: LearnedProfiles): ConnectBmc {
  return async (address, signal) => {
    const { client, discovery, media, boot, power, close } = await openBmc(address, timing, profiles, signal)
    const bmc: Bmc = {
      armsWhenOff: discovery.quirks.armsWhenOff,
      facts: async () => factsOf(discovery),
      insertMedia: media.insertBoth,
      ejectMedia: media.ejectOurs,
      bootOnceFromCd: boot.armCdOnce,
      clearBootOverride: boot.clear,
      power: power.state,
      powerOff: (within) => power.bring('off', within),
      powerOn: (within) => power.bring('on', within),
      restart: (within) => restartBmc(client, discovery, timing, within),
      close,
    }
    return bmc
  }
}

/** Logs in and finds the system; leaves no session behind when that fails. */
export async function openBmc(
  address: BmcAddress,
  timing: Timing,
  profiles: LearnedProfiles | undefined,
  signal: AbortSignal,
): Promise<OpenBmc> {
  const client = createClient(address, timing)
  const close = () => client.close(AbortSignal.timeout(CLOSE_MS))
  try {
    const discovery = await discover(client, address.serial, signal)
    const learning = await openLearning(profiles, factsOf(discovery))
    return {
      client,
      discovery,
      learning,
      media: createVirtualMedia(client, discovery, learning, timing),
      boot: createBootOnce(client, discovery, learning),
      power: createPower(client, discovery, timing),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** What the BMC says the machine is. */
export function factsOf({ vendor, system, managers, quirks }: Discovery): BmcFacts {
  const [manager] = managers
  return {
    vendor,
    model: system.model ?? '',
    firmware: manager?.firmware ?? '',
    serial: quirks.serialProperty === 'SKU' ? (system.sku ?? system.serialNumber) : system.serialNumber,
    uuid: system.uuid?.toLowerCase(),
  }
}
