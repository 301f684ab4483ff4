import { AppError } from '../../shared/errors.ts'
import { must } from './answer.ts'
import type { BootMethodPart } from './boot-method.ts'
import type { RedfishClient } from './client.ts'
import { type Discovery, readSlots } from './discover.ts'
import { at } from './json.ts'
import type { Slot } from './resources.ts'
import { isCd, isEmpty } from './slots.ts'

/** HPE's own way: the slot is told that the next reset boots from it. Only after the insert, and gone with the medium. */
export function hpSlot(client: RedfishClient, discovery: Discovery): BootMethodPart {
  async function find(signal: AbortSignal): Promise<Slot | undefined> {
    const slots = await readSlots(client, discovery, signal)
    return slots.find((slot) => isCd(slot) && !isEmpty(slot))
  }
  /** `Hp` on iLO 4, `Hpe` since. */
  const brandOf = ({ resource }: Slot) => (at(resource.body, 'Oem', 'Hp') === undefined ? 'Hpe' : 'Hp')

  return {
    async arm(signal) {
      const slot = await find(signal)
      if (slot === undefined) {
        throw new AppError('redfish-answer', 'Cannot set the boot override: no CD slot holds a medium')
      }
      const body = { Oem: { [brandOf(slot)]: { BootOnNextServerReset: true } } }
      must(`boot from slot ${slot.id}`, await client.patch(slot.resource, body, signal))
      return 'BootOnNextServerReset'
    },
    describe: async () => 'BootOnNextServerReset of the CD slot',
    async isArmed(signal) {
      const slot = await find(signal)
      return slot !== undefined && at(slot.resource.body, 'Oem', brandOf(slot), 'BootOnNextServerReset') === true
    },
    async clear() {
      // The eject before has taken it away with the medium.
    },
  }
}
