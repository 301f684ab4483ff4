import { AppError, isAppError } from '../../shared/errors.ts'
import { sleep } from '../../shared/time.ts'
import type { MediaUrls, MediumUrl, OnMount, RedfishStep } from '../jobs/bmc-ports.ts'
import { bmcRefusal, refusal, refusalWith } from '../jobs/bmc-refusal.ts'
import { must } from './answer.ts'
import type { RedfishClient } from './client.ts'
import { type Discovery, ofManagers, readSlots } from './discover.ts'
import { createDrive } from './drive.ts'
import { keepInserted } from './eject-policy.ts'
import type { Learning } from './learning.ts'
import { missedScheme, type Scheme, urlFor } from './medium-url.ts'
import { askForMoreCds, canHaveMoreCds } from './more-cds.ts'
import { pollUntil } from './polling.ts'
import type { Slot } from './resources.ts'
import { chooseSlots, compareIds, isCd, isEmpty, isOurs, isUsable, mayBeOurs } from './slots.ts'
import type { Timing } from './timing.ts'
import { type HowToInsert, trustedInsert } from './trusted-insert.ts'

export interface VirtualMedia {
  /** A job would tell the BMC to have more slots than it has. */
  canHaveMoreCds(signal: AbortSignal): Promise<boolean>
  /** Every slot there is, switched on first where they can be off. */
  slots(signal: AbortSignal): Promise<readonly Slot[]>
  insertBoth(media: MediaUrls, onStep: OnMount, signal: AbortSignal): Promise<void>
  /** Media of somebody else that one medium of ours would take the place of. */
  foreign(signal: AbortSignal): Promise<readonly Slot[]>
  /** One medium into the slot that boots, or another that holds nobody else's; gives the slot's id and what it was given. */
  insertOne(medium: MediumUrl, signal: AbortSignal): Promise<{ readonly slot: string; readonly url: string }>
  ejectOurs(signal: AbortSignal): Promise<void>
}

/** The slot that took a medium. */
interface Taken {
  readonly slot: Slot
  /** No slot before it refused for a reason that may pass: the next server of the kind is right to begin with it. */
  readonly isUsual: boolean
}

/** AMI shows its slots this long after they were switched on, or some times this long. */
const AFTER_ENABLE_MS = 10_000

/** The virtual drives of one system. It remembers what worked, and nothing of what it inserted. */
export function createVirtualMedia(
  client: RedfishClient,
  discovery: Discovery,
  learning: Learning,
  timing: Timing,
): VirtualMedia {
  const drive = createDrive(client, discovery, learning, timing)
  const insert = trustedInsert(client, discovery, drive, learning)

  async function slotsNow(signal: AbortSignal): Promise<readonly Slot[]> {
    const read = () => readSlots(client, discovery, signal)
    const slots = await read()
    if (slots.some(isUsable) || !(await switchOn(client, discovery, signal))) return slots
    const polling = { everyMs: AFTER_ENABLE_MS * timing.waitFactor, limitMs: timing.slotMs }
    await sleep(polling.everyMs, signal)
    return pollUntil(read, (seen) => seen.some(isUsable), polling, signal)
  }

  /** Not while somebody else's medium is in: the BMC refuses. */
  async function withMoreCds(slots: readonly Slot[], { note }: HowToInsert, signal: AbortSignal) {
    const full = slots.filter((slot) => isUsable(slot) && !isEmpty(slot))
    if (!canHaveMoreCds(slots, discovery, learning) || !full.every(isOurs)) return slots
    for (const slot of full) await drive.makeRoom(slot, signal)
    return askForMoreCds(client, discovery, learning, timing, note, signal)
  }

  const choose = (slots: readonly Slot[]) => chooseSlots(slots, learning.profile(), discovery.quirks)

  /** Tries the slots in turn until one takes the medium. */
  async function insertIntoOne(
    slots: readonly Slot[],
    medium: MediumUrl,
    how: HowToInsert,
    signal: AbortSignal,
  ): Promise<Taken> {
    const refusals: AppError[] = []
    for (const slot of slots) {
      if (refusals.length > 0 && !isEmpty(slot)) await drive.eject(slot, signal)
      await keepInserted(client, slot, how.note, signal)
      const cause = await insert(slot, medium, how, signal)
      if (cause === undefined) return { slot, isUsual: refusals.every(isAbsent) }
      const url = urlFor(slot, medium, discovery.quirks)
      const only = missedScheme(slot, url, discovery.quirks)
      refusals.push(only === undefined ? cause : wrongScheme(only, url, cause))
    }
    throw combined(refusals, discovery)
  }

  /** Always, even when the right URL is shown: iDRAC shows media it has long lost. */
  async function makeRoom(slots: readonly Slot[], chosen: readonly (Slot | undefined)[], signal: AbortSignal) {
    for (const slot of inTheWay(slots, chosen)) await drive.makeRoom(slot, signal)
  }

  function inTheWay(slots: readonly Slot[], chosen: readonly (Slot | undefined)[]): readonly Slot[] {
    const isIt = (slot: Slot) => discovery.quirks.oneMedium || chosen.includes(slot) || isOurs(slot)
    return slots.filter((slot) => isUsable(slot) && !isEmpty(slot) && isIt(slot))
  }

  async function insertTogether(slots: readonly Slot[], media: MediaUrls, how: HowToInsert, signal: AbortSignal) {
    const { combined } = media
    if (combined === undefined) {
      const [slot] = slots
      throw new AppError('redfish-unsupported', `Cannot mount two media: the BMC has one usable slot, ${slot?.id}`)
    }
    return insertIntoOne(slots, { ...media, url: combined }, how, signal)
  }

  return {
    slots: slotsNow,
    canHaveMoreCds: async (signal) => canHaveMoreCds(await slotsNow(signal), discovery, learning),

    async insertBoth(media, onStep, signal) {
      let step: RedfishStep = 'redfish.mount.maintenance'
      const how: HowToInsert = { frees: true, note: (message) => onStep(step, message) }
      await onStep(step)
      const slots = await withMoreCds(await slotsNow(signal), how, signal)
      const choice = choose(slots)
      await makeRoom(slots, [choice.boot[0], choice.task[0]], signal)
      const { bootSlot, taskSlot } = learning.profile()
      const oneOnly = discovery.quirks.oneMedium || choice.task.length === 0 || (bootSlot !== null && taskSlot === null)
      const learnOne = ({ slot: { id }, isUsual }: Taken) =>
        isUsual ? learning.keep({ bootSlot: id, taskSlot: null }) : undefined
      if (oneOnly) return learnOne(await insertTogether(choice.boot, media, how, signal))

      const boot = await insertIntoOne(choice.boot, { ...media, url: media.maintenance }, how, signal)
      step = 'redfish.mount.task'
      await onStep(step)
      try {
        const left = taskSlots(choice.task, boot.slot)
        const task = await insertIntoOne(left, { ...media, url: media.task }, how, signal)
        if (boot.isUsual && task.isUsual) await learning.keep({ bootSlot: boot.slot.id, taskSlot: task.slot.id })
      } catch (error) {
        // "A lot of hardware does not allow two virtual media at the same time", and does not say so before.
        if (!isAppError(error) || media.combined === undefined) throw error
        await drive.eject(boot.slot, signal)
        await insertTogether([boot.slot], media, how, signal)
        await learnOne(boot)
      }
    },

    async foreign(signal) {
      const slots = await slotsNow(signal)
      const { boot } = choose(slots)
      return inTheWay(slots, [boot[0]]).filter((slot) => !isOurs(slot))
    },

    async insertOne(medium, signal) {
      const slots = await slotsNow(signal)
      const { boot } = choose(slots)
      await makeRoom(slots, [boot[0]], signal)
      const free = boot.filter((slot) => isEmpty(slot) || isOurs(slot))
      // What somebody else has in there stays.
      const { slot } = await insertIntoOne(free, medium, { frees: false, note: () => undefined }, signal)
      return { slot: slot.id, url: urlFor(slot, medium, discovery.quirks) }
    },

    async ejectOurs(signal) {
      const slots = await readSlots(client, discovery, signal)
      const full = slots.filter((slot) => isUsable(slot) && !isEmpty(slot) && mayBeOurs(slot))
      for (const slot of full) await drive.eject(slot, signal)
    },
  }
}

/**
 * Slots the task medium may go into once the boot medium is in one of them. A slot before that one has refused already,
 * and firmware that boots the first CD must not find the task medium there.
 */
function taskSlots(slots: readonly Slot[], boot: Slot): readonly Slot[] {
  const left = slots.filter((slot) => slot !== boot && (!isCd(slot) || compareIds(slot.id, boot.id) > 0))
  if (left.length > 0) return left
  throw new AppError('redfish-unsupported', `Cannot mount the task medium: no usable slot is left beside ${boot.id}`)
}

/**
 * AMI MegaRAC ships with virtual media off. False when there is nothing to switch.
 * @throws `redfish-answer` when it is refused
 */
async function switchOn(client: RedfishClient, discovery: Discovery, signal: AbortSignal): Promise<boolean> {
  const target = ofManagers(discovery, 'enableMedia')
  if (target === undefined) return false
  must('switch virtual media on', await client.post(target, { RMediaState: 'Enable' }, signal))
  return true
}

/** A slot that is not there (404) or not for media (405), today and on every other server of the kind. */
function isAbsent(error: AppError): boolean {
  const { status } = bmcRefusal(error)
  return status === 404 || status === 405
}

/**
 * The first refusal tells the reason, the last one what was left to try. An absent slot tells nothing when another one
 * was there.
 */
function combined(refusals: readonly AppError[], { quirks }: Discovery): AppError {
  const telling = refusals.filter((refusal) => !isAbsent(refusal))
  const [first, last] = telling.length > 0 ? [telling[0], telling.at(-1)] : [refusals[0], refusals.at(-1)]
  if (first === undefined || (telling.length === 0 && quirks.hiddenSlots.length > 0)) {
    const state = 'it has no slot for media from HTTP (Supermicro X10 takes them from SMB shares only)'
    const message = `Cannot use the virtual media of this BMC: ${state}`
    return refusal('redfish-unsupported', message, { reason: 'no-http', cause: first })
  }
  return last === undefined || last === first ? first : refusalWith(first, { cause: last })
}

/** The scheme first: it explains what the BMC says, and the operator can change it. */
function wrongScheme(only: Scheme, url: string, cause: AppError): AppError {
  const trouble = `this BMC takes media by ${only.toUpperCase()} alone, and was given ${new URL(url).origin}`
  const { status } = bmcRefusal(cause)
  return refusal('redfish-unsupported', `Cannot insert a medium: ${trouble}`, { status, reason: `${only}-only`, cause })
}
