import { AppError } from '../../shared/errors.ts'
import type { MediaUrls, RedfishStep } from '../jobs/ports.ts'
import { isOk, type RedfishAnswer, refused } from './answer.ts'
import type { RedfishClient } from './client.ts'
import { type Discovery, readSlots } from './discover.ts'
import { firstShape, type InsertShape, nextShape, payloadOf } from './insert-ladder.ts'
import { pollUntil } from './polling.ts'
import { parseSlot, type Slot } from './resources.ts'
import { chooseSlots, compareIds, holds, isCd, isEmpty, isOurs, isUsable } from './slots.ts'
import type { Timing } from './timing.ts'

export interface VirtualMedia {
  insertBoth(media: MediaUrls, onStep: (step: RedfishStep) => void, signal: AbortSignal): Promise<void>
  ejectOurs(signal: AbortSignal): Promise<void>
}

/** The virtual drives of one system. It remembers which payload worked, and nothing of what it inserted. */
export function createVirtualMedia(client: RedfishClient, discovery: Discovery, timing: Timing): VirtualMedia {
  let learned: InsertShape | undefined
  const polling = { everyMs: timing.pollMs, limitMs: timing.slotMs }

  /** The slot as it is now; `undefined` when it is gone, which on Supermicro means empty. */
  async function read(slot: Slot, signal: AbortSignal): Promise<Slot | undefined> {
    const resource = await client.find(slot.resource.path, signal)
    return resource === undefined ? undefined : parseSlot(resource)
  }

  async function eject(slot: Slot, signal: AbortSignal): Promise<void> {
    const answer = await sendEject(client, slot, signal)
    const now = await pollUntil(() => read(slot, signal), isGone, polling, signal)
    if (isGone(now)) return
    if (!isOk(answer)) throw refused(`eject the medium in slot ${slot.id}`, answer)
    throw new AppError('redfish-answer', `Cannot eject the medium in slot ${slot.id}: it is still inserted`)
  }

  /** The last refusal, or `undefined` when the medium is in. */
  async function insert(slot: Slot, url: string, signal: AbortSignal): Promise<AppError | undefined> {
    let shape: InsertShape | undefined = learned ?? firstShape(slot)
    let answer: RedfishAnswer | undefined
    while (shape !== undefined) {
      answer = await sendInsert(client, slot, payloadOf(shape, slot, url), signal)
      if (isOk(answer)) break
      shape = nextShape(shape, answer)
    }
    if (answer !== undefined && !isOk(answer))
      return refused(`insert the medium into slot ${slot.id}`, hideUrl(answer, url))
    const isIn = (seen: Slot | undefined) => seen !== undefined && holds(seen, url)
    const now = await pollUntil(() => read(slot, signal), isIn, polling, signal)
    if (!isIn(now)) return notInserted(slot, now)
    learned = shape
    return undefined
  }

  /** Tries the slots in turn; gives the one that took the medium. */
  async function insertIntoOne(slots: readonly Slot[], url: string, signal: AbortSignal): Promise<Slot> {
    const refusals: AppError[] = []
    for (const slot of slots) {
      if (refusals.length > 0 && !isEmpty(slot)) await eject(slot, signal)
      const refusal = await insert(slot, urlFor(slot, url), signal)
      if (refusal === undefined) return slot
      refusals.push(refusal)
    }
    throw combined(refusals)
  }

  return {
    async insertBoth(media, onStep, signal) {
      onStep('redfish.mount.maintenance')
      const slots = await readSlots(client, discovery, signal)
      const choice = chooseSlots(slots)
      // Always, even when the right URL is shown: iDRAC shows media it has long lost.
      const chosen = [choice.boot[0], choice.task[0], ...slots.filter(isOurs)]
      const full = new Set(chosen.filter((slot) => slot !== undefined && isUsable(slot) && !isEmpty(slot)))
      for (const slot of full) if (slot !== undefined) await eject(slot, signal)
      const boot = await insertIntoOne(choice.boot, media.maintenance, signal)

      onStep('redfish.mount.task')
      await insertIntoOne(taskSlots(choice.task, boot), media.task, signal)
    },

    async ejectOurs(signal) {
      const slots = await readSlots(client, discovery, signal)
      const mayBeOurs = (slot: Slot) => isOurs(slot) || (isCd(slot) && slot.image === undefined)
      const full = slots.filter((slot) => isUsable(slot) && !isEmpty(slot) && mayBeOurs(slot))
      for (const slot of full) await eject(slot, signal)
    },
  }
}

/**
 * Slots the task medium may go into once the boot medium is in one of them. A slot before that one has refused already,
 * and firmware that boots the first CD must not find the task medium there.
 */
function taskSlots(slots: readonly Slot[], boot: Slot): readonly Slot[] {
  const left = slots.filter((slot) => !isCd(slot) || compareIds(slot.id, boot.id) > 0)
  if (left.length > 0) return left
  throw new AppError('redfish-unsupported', `Cannot mount the task medium: no usable slot is left beside ${boot.id}`)
}

function isGone(slot: Slot | undefined): boolean {
  return slot === undefined || isEmpty(slot)
}

/** A USB stick slot wants the same bytes under a name that ends in .img (Dell, HPE). */
function urlFor(slot: Slot, url: string): string {
  return isCd(slot) ? url : url.replace(/\.iso$/, '.img')
}

async function sendInsert(
  client: RedfishClient,
  slot: Slot,
  payload: unknown,
  signal: AbortSignal,
): Promise<RedfishAnswer> {
  if (slot.insert !== undefined) return client.post(slot.insert.target, payload, signal)
  return client.patch(slot.resource, payload, signal)
}

/** HPE needs `{}`, others refuse a body, XCC has no action; the answer of the last one tried. */
async function sendEject(client: RedfishClient, slot: Slot, signal: AbortSignal): Promise<RedfishAnswer> {
  let answer: RedfishAnswer | undefined
  if (slot.eject !== undefined) {
    answer = await client.post(slot.eject.target, {}, signal)
    if (answer.status === 400 || answer.status === 415) answer = await client.post(slot.eject.target, undefined, signal)
  }
  if (answer !== undefined && (isOk(answer) || !slot.patchable)) return answer
  return client.patch(slot.resource, { Image: null, Inserted: false }, signal)
}

/** The media URL has a token in its path: it is no secret of the BMC's, but one of the job. */
function hideUrl(answer: RedfishAnswer, url: string): RedfishAnswer {
  const messages = answer.messages.map((message) => ({ ...message, text: message.text.replaceAll(url, 'the URL') }))
  return { ...answer, messages }
}

function notInserted(slot: Slot, now: Slot | undefined): AppError {
  const state =
    now === undefined ? 'the slot is gone' : now.inserted === false ? 'it shows no medium' : 'it shows another medium'
  return new AppError(
    'redfish-answer',
    `Cannot insert the medium into slot ${slot.id}: the BMC accepted it, but ${state}`,
  )
}

/** The first refusal tells the reason, the last one what was left to try. */
function combined(refusals: readonly AppError[]): AppError {
  const [first, last] = [refusals[0], refusals.at(-1)]
  if (first === undefined)
    return new AppError('redfish-unsupported', 'Cannot insert the medium: there is no slot for it')
  if (last === undefined || last === first) return first
  return new AppError(first.code, first.message, { cause: last, facts: first.facts })
}
