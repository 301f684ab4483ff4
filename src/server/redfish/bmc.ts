import { withTimeout } from '../../shared/time.ts'
import type { Bmc, BmcFacts, ConnectBmc, LearnedProfiles } from '../jobs/ports.ts'
import { createBootOnce } from './boot-once.ts'
import { createClient } from './client.ts'
import { type Discovery, discover } from './discover.ts'
import { openLearning } from './learning.ts'
import { createPower } from './power.ts'
import type { Timing } from './timing.ts'
import { createVirtualMedia } from './virtual-media.ts'

/** The session is deleted within this, or left to end by itself. */
const CLOSE_MS = 10_000

/** The port's `ConnectBmc` by Redfish: logs in, finds the system, and leaves no session behind when that fails. */
export function bmcConnector(timing: Timing, profiles?: LearnedProfiles): ConnectBmc {
  return async (address, signal) => {
    const client = createClient(address, timing)
    const close = () => client.close(withTimeout(new AbortController().signal, CLOSE_MS))
    try {
      const discovery = await discover(client, address.serial, signal)
      const learning = await openLearning(profiles, discovery)
      const media = createVirtualMedia(client, discovery, learning, timing)
      const boot = createBootOnce(client, discovery, learning)
      const power = createPower(client, discovery, timing)
      const bmc: Bmc = {
        facts: async () => factsOf(discovery),
        insertMedia: media.insertBoth,
        ejectMedia: media.ejectOurs,
        bootOnceFromCd: boot.armCdOnce,
        clearBootOverride: boot.clear,
        power: power.state,
        powerOff: (within) => power.bring('off', within),
        powerOn: (within) => power.bring('on', within),
        close,
      }
      return bmc
    } catch (error) {
      await close()
      throw error
    }
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
