import { withTimeout } from '../../shared/time.ts'
import type { Bmc, BmcAddress, BmcFacts, ConnectBmc } from '../jobs/ports.ts'
import { createBootOverride } from './boot-override.ts'
import { createClient } from './client.ts'
import { type Discovery, discover } from './discover.ts'
import { createPower } from './power.ts'
import { REAL_TIMING, type Timing } from './timing.ts'
import { createVirtualMedia } from './virtual-media.ts'

/** The session is deleted within this, or left to end by itself. */
const CLOSE_MS = 10_000

/** The port's `ConnectBmc` by Redfish: logs in, finds the system, and leaves no session behind when that fails. */
export function bmcConnector(timing: Timing): ConnectBmc {
  return async (address, signal) => {
    const client = createClient(address, timing)
    const close = () => client.close(withTimeout(new AbortController().signal, CLOSE_MS))
    try {
      const discovery = await discover(client, address.serial, signal)
      const media = createVirtualMedia(client, discovery, timing)
      const boot = createBootOverride(client, discovery)
      const power = createPower(client, discovery, timing)
      const bmc: Bmc = {
        facts: async () => factsOf(discovery),
        insertMedia: media.insertBoth,
        ejectMedia: media.ejectOurs,
        bootOnceFromCd: boot.armCdOnce,
        isBootOnceArmed: boot.isArmed,
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

/** {@link bmcConnector} with the waits real BMCs need. */
export function connectBmc(address: BmcAddress, signal: AbortSignal): Promise<Bmc> {
  return bmcConnector(REAL_TIMING)(address, signal)
}

function factsOf({ vendor, system, managers, quirks }: Discovery): BmcFacts {
  const [manager] = managers
  return {
    vendor,
    model: system.model ?? '',
    firmware: manager?.firmware ?? '',
    serial: quirks.serialProperty === 'SKU' ? (system.sku ?? system.serialNumber) : system.serialNumber,
    uuid: system.uuid?.toLowerCase(),
  }
}
