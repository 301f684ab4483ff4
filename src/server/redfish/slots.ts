import { AppError } from '../../shared/errors.ts'
import { type LearnedProfile, NOTHING_LEARNED } from '../jobs/bmc-ports.ts'
import { type Quirks, STANDARD } from './quirks.ts'
import type { Slot } from './resources.ts'

/** Slots for the two media, best first. A slot that refuses is passed over. */
export interface SlotChoice {
  readonly boot: readonly Slot[]
  readonly task: readonly Slot[]
}

/** Lenovo XCC: RDOC is the BMC's own memory, Remote the remote console; both are listed first and take no URL. */
const NOT_FOR_URLS = /^(RDOC|Remote)/i

/** A slot that takes a URL: it has the action, or is changed by PATCH. OpenBMC's console-only slots have neither. */
export function isUsable(slot: Slot): boolean {
  return !NOT_FOR_URLS.test(slot.id) && (slot.insert !== undefined || slot.control !== undefined || slot.patchable)
}

/** CD or DVD (Cisco names DVD alone). Some XCC name nothing, and mean CD. */
export function isCd({ mediaTypes }: Slot): boolean {
  return mediaTypes === undefined || mediaTypes.includes('CD') || mediaTypes.includes('DVD')
}

export function isUsbStick({ mediaTypes }: Slot): boolean {
  return mediaTypes?.includes('USBStick') ?? false
}

/**
 * The boot medium goes into the first CD slot by name, not by the collection's order: iDRAC 10 lists 2 before 1 and boots
 * 1 only. The task medium goes into another CD slot, else into one that shows a USB stick; when there is none, one medium has to hold both. What worked
 * before is tried first.
 * @throws `redfish-unsupported` when there is no CD
 */
export function chooseSlots(
  slots: readonly Slot[],
  learned: LearnedProfile = NOTHING_LEARNED,
  { bootSlots, hiddenSlots }: Pick<Quirks, 'bootSlots' | 'hiddenSlots'> = STANDARD,
): SlotChoice {
  const { bootSlot, taskSlot } = learned
  // Names that the vendor has had for the slot, the newest first; a name that sorts lower is no better.
  const rank = ({ id }: Slot) => (hiddenSlots.includes(id) ? hiddenSlots.indexOf(id) : hiddenSlots.length)
  const usable = slots.filter(isUsable).toSorted((a, b) => rank(a) - rank(b) || compareIds(a.id, b.id))
  const cds = usable.filter(isCd)
  const bootable = cds.filter(({ id }) => bootSlots?.includes(id) ?? true)
  const boot = firstly(bootable, bootSlot)
  const [first] = boot
  if (first === undefined) {
    const found = slots.map(({ id }) => id).join(', ') || 'none'
    throw new AppError('redfish-unsupported', `Cannot find a virtual CD that takes a URL: the BMC has ${found}`)
  }
  // A slot that is both comes after those that are CDs alone: it may show itself as a USB disk.
  const task = [...cds.filter((slot) => slot !== first), ...usable.filter((slot) => !isCd(slot) && isUsbStick(slot))]
  return { boot, task: firstly(task, taskSlot) }
}

function firstly(slots: readonly Slot[], id: string | null): readonly Slot[] {
  return [...slots.filter((slot) => slot.id === id), ...slots.filter((slot) => slot.id !== id)]
}

/** Nothing is in it. Supermicro leaves Image and ImageName after an eject; NotConnected is what counts there. */
export function isEmpty({ inserted, connectedVia, image }: Slot): boolean {
  if (connectedVia === 'NotConnected') return true
  return inserted === false
    ? connectedVia === undefined || image === undefined
    : inserted !== true && image === undefined
}

/** The medium is in it. An image the BMC does not tell, or tells shortened to its name, is believed. */
export function holds({ inserted, connectedVia, image }: Slot, url: string): boolean {
  if (inserted === false || (inserted === undefined && connectedVia === 'NotConnected')) return false
  if (image === undefined) return inserted === true
  return image === url || url.endsWith(`/${image.split('/').at(-1)}`)
}

/**
 * A medium of this product, of any job and attempt: `…/media/TOKEN/maintenance.iso`, `task.img`, `combined.iso`. Some BMCs
 * show of a URL the name alone.
 */
export function isOurs({ image }: Slot): boolean {
  return image !== undefined && /(^|\/media\/[^/]+\/)(maintenance|task|combined|doctor)\.(iso|img)$/.test(image)
}

/** The same, or a BMC that does not tell what is in a slot that ours go into. */
export function mayBeOurs(slot: Slot): boolean {
  return isOurs(slot) || (slot.image === undefined && (isCd(slot) || isUsbStick(slot)))
}

/** `EXT2` before `EXT10`, `1` before `2`; the same on every host, whatever its locale. */
export function compareIds(a: string, b: string): number {
  const [left, right] = [idParts(a), idParts(b)]
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const [x = '', y = ''] = [left[i], right[i]]
    if (x === y) continue
    const numbers = /^\d+$/.test(x) && /^\d+$/.test(y)
    return numbers ? Number(x) - Number(y) : x < y ? -1 : 1
  }
  return 0
}

function idParts(id: string): readonly string[] {
  return id.match(/\d+|\D+/g) ?? []
}
