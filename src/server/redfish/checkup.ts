import type { ConnectCheckup, LearnedProfiles, SlotFacts } from '../jobs/bmc-ports.ts'
import { factsOf, openBmc } from './bmc.ts'
import type { Slot } from './resources.ts'
import { isCd, isEmpty, isUsable } from './slots.ts'
import type { Timing } from './timing.ts'

/** The doctor's view of a BMC by Redfish. It starts nothing and switches nothing. */
export function checkupConnector(timing: Timing, profiles?: LearnedProfiles): ConnectCheckup {
  return async (address, signal) => {
    const { discovery, learning, media, boot, power, close } = await openBmc(address, timing, profiles, signal)
    return {
      facts: factsOf(discovery),
      time: discovery.managers[0]?.dateTime,
      oneMedium: discovery.quirks.oneMedium,
      canHaveMoreCds: media.canHaveMoreCds,
      power: power.state,
      slots: async (within) => (await media.slots(within)).map(slotFacts),
      foreign: async (within) => (await media.foreign(within)).map(slotFacts),
      insert: media.insertOne,
      eject: media.ejectOurs,
      bootTarget: boot.describe,
      isBootOnceArmed: boot.isArmed,
      learned: () => learning.profile(),
      close,
    }
  }
}

function slotFacts(slot: Slot): SlotFacts {
  return {
    id: slot.id,
    kind: slot.mediaTypes?.join('/') ?? 'not told',
    usable: isUsable(slot),
    cd: isCd(slot),
    image: isEmpty(slot) ? undefined : (slot.image ?? ''),
  }
}
