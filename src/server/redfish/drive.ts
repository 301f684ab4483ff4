import { AppError } from '../../shared/errors.ts'
import { sleep } from '../../shared/time.ts'
import { refusalWith } from '../jobs/bmc-refusal.ts'
import { answerText, isOk, type RedfishAnswer, refused } from './answer.ts'
import type { RedfishClient } from './client.ts'
import { readDellAttributes, waitUntilAttached } from './dell-attributes.ts'
import { type Discovery, readSlots } from './discover.ts'
import {
  firstShape,
  type InsertPayload,
  type InsertShape,
  isInUse,
  knownShape,
  nextShape,
  payloadOf,
  speaksOfPayload,
} from './insert-ladder.ts'
import type { Learning } from './learning.ts'
import { hasMessage } from './messages.ts'
import { pollUntil } from './polling.ts'
import { parseSlot, type Slot } from './resources.ts'
import { holds, isEmpty } from './slots.ts'
import type { Timing } from './timing.ts'

/** Puts a medium into one slot, and takes it out. */
export interface Drive {
  /**
   * The refusal, or `undefined` when the medium is in. With `frees`, a slot that is in use although it shows no medium is
   * emptied first.
   */
  insert(slot: Slot, url: string, frees: boolean, signal: AbortSignal): Promise<AppError | undefined>
  /** @throws `redfish-answer` when the slot is not empty afterwards */
  eject(slot: Slot, signal: AbortSignal): Promise<void>
  /**
   * The same before another medium is inserted: a BMC that took the order and goes on showing the old medium (iDRAC) is
   * believed, since the insert shows whether the slot was free.
   */
  makeRoom(slot: Slot, signal: AbortSignal): Promise<void>
}

/** Dell: virtual media are detached; an attribute attaches them. */
const DETACHED = /VRM0021$/

/** After an eject the drive is being disconnected for this long, and an insert that fails is sent again. */
const SETTLE_MS = 15_000
const SETTLE_WAIT_MS = 3_000
const SETTLE_TRIES = 3

export function createDrive(client: RedfishClient, discovery: Discovery, learning: Learning, timing: Timing): Drive {
  let ejectedAt = Number.NEGATIVE_INFINITY
  const polling = { everyMs: timing.pollMs, limitMs: timing.slotMs }

  /** The slot as it is now; `undefined` when it is gone, which on Supermicro means empty. */
  async function read(slot: Slot, signal: AbortSignal): Promise<Slot | undefined> {
    const resource = await client.find(slot.resource.path, signal)
    return resource === undefined ? undefined : parseSlot(resource)
  }

  /** The slot with the medium, under whatever name: one that takes it as CD1 may show it as VirtualMedia1. */
  async function readHolder(slot: Slot, url: string, signal: AbortSignal): Promise<Slot | undefined> {
    const now = await read(slot, signal)
    if (now !== undefined) return now
    const slots = await readSlots(client, discovery, signal)
    return slots.find((other) => other.image !== undefined && holds(other, url))
  }

  /** What is known is a hint: when it is refused, the ladder is climbed as if nothing was known. */
  async function climb(slot: Slot, url: string, signal: AbortSignal) {
    const known = slot.insert === undefined ? undefined : knownShape(learning.profile().insert)
    const tried = known === undefined ? undefined : await climbFrom(known, slot, url, signal)
    if (tried !== undefined && !speaksOfPayload(tried.answer)) return tried
    const again = await climbFrom(firstShape(slot), slot, url, signal)
    return { ...again, reason: tried?.reason ?? again.reason }
  }

  /** Supermicro takes the order while it still disconnects what was ejected, and then its task fails. */
  async function insertAfterEject(slot: Slot, payload: InsertPayload, signal: AbortSignal): Promise<RedfishAnswer> {
    for (let tries = 1; ; tries++) {
      const sentAt = performance.now()
      const answer = await sendInsert(client, slot, payload, signal)
      const isTooSoon = answer.byTask === true && sentAt - ejectedAt < SETTLE_MS
      if (!isTooSoon || tries === SETTLE_TRIES) return answer
      await sleep(SETTLE_WAIT_MS * timing.waitFactor, signal)
    }
  }

  async function climbFrom(first: InsertShape, slot: Slot, url: string, signal: AbortSignal) {
    let shape = first
    let reason: RedfishAnswer | undefined
    for (;;) {
      const now = slot.patchable ? ((await read(slot, signal)) ?? slot) : slot
      const answer = await insertAfterEject(now, payloadOf(shape, slot, url), signal)
      const next = isOk(answer) ? undefined : nextShape(shape, answer)
      if (next === undefined) return { answer, shape, reason: reason ?? answer }
      // Once everything it asked for was sent, the refusal speaks of the medium, and not of the payload.
      if (next.rung !== shape.rung) reason ??= answer
      shape = next
    }
  }

  async function empty(slot: Slot, signal: AbortSignal): Promise<RedfishAnswer> {
    const answer = await sendEject(client, (await read(slot, signal)) ?? slot, signal)
    ejectedAt = performance.now()
    return answer
  }

  /** False when the BMC took the order and shows the medium all the same. */
  async function takeOut(slot: Slot, signal: AbortSignal): Promise<boolean> {
    const answer = await empty(slot, signal)
    const isGone = (seen: Slot | undefined) => seen === undefined || isEmpty(seen)
    const now = await pollUntil(() => read(slot, signal), isGone, polling, signal)
    if (!isGone(now) && !isOk(answer)) throw refused(`eject the medium in slot ${slot.id}`, answer)
    return isGone(now)
  }

  return {
    async insert(slot, url, frees, signal) {
      let tried = await climb(slot, url, signal)
      if (isInUse(tried.answer)) {
        const isAttached = hasMessage(tried.answer.messages, DETACHED) && (await attach(client, discovery, signal))
        // Whatever it shows: a session of somebody, or a medium that the BMC has lost sight of.
        if (frees) await empty(slot, signal)
        if (isAttached || frees) tried = await climb(slot, url, signal)
      }
      const { answer, shape, reason } = tried
      if (!isOk(answer)) {
        const refusal = refusalOf(slot, url, reason, answer)
        const isStuck = discovery.quirks.restartHelps && hasMessage(answer.messages, DETACHED)
        return isStuck ? refusalWith(refusal, { restartHelps: true }) : refusal
      }
      const isIn = (seen: Slot | undefined) => seen !== undefined && holds(seen, url)
      const now = await pollUntil(() => readHolder(slot, url, signal), isIn, polling, signal)
      if (!isIn(now)) return notInserted(slot, url, now)
      await waitUntilAttached(client, discovery, slot.id, timing, signal)
      await learning.keep({ insert: shape })
      return undefined
    },

    async eject(slot, signal) {
      if (await takeOut(slot, signal)) return
      throw new AppError('redfish-answer', `Cannot eject the medium in slot ${slot.id}: it is still inserted`)
    },

    async makeRoom(slot, signal) {
      await takeOut(slot, signal)
    },
  }
}

function sendInsert(
  client: RedfishClient,
  slot: Slot,
  payload: InsertPayload,
  signal: AbortSignal,
): Promise<RedfishAnswer> {
  if (slot.insert !== undefined) return client.post(slot.insert.target, payload, signal)
  if (slot.control !== undefined) {
    return client.post(slot.control.target, { VmmControlType: 'Connect', Image: payload.Image }, signal)
  }
  return client.patch(slot.resource, payload, signal)
}

/** HPE needs `{}`, others refuse a body, XCC has no action; the answer of the last one tried. */
async function sendEject(client: RedfishClient, slot: Slot, signal: AbortSignal): Promise<RedfishAnswer> {
  if (slot.control !== undefined) return client.post(slot.control.target, { VmmControlType: 'Disconnect' }, signal)
  // A slot that shows itself only with a medium has the action now, whatever it had when it was empty.
  const target = slot.eject?.target
  let answer: RedfishAnswer | undefined
  if (target !== undefined) {
    answer = await client.post(target, {}, signal)
    if (answer.status === 400 || answer.status === 415) answer = await client.post(target, undefined, signal)
  }
  if (answer !== undefined && (isOk(answer) || !slot.patchable)) return answer
  return client.patch(slot.resource, { Image: null, Inserted: false }, signal)
}

/** False when there is nothing to attach by, or it is refused. */
async function attach(client: RedfishClient, discovery: Discovery, signal: AbortSignal): Promise<boolean> {
  const attributes = await readDellAttributes(client, discovery, signal)
  if (attributes === undefined) return false
  return isOk(
    await client.patch(
      attributes,
      { Attributes: { 'VirtualMedia.1.Attached': 'Attached', 'VirtualMedia.1.Enable': 'Enabled' } },
      signal,
    ),
  )
}

/** What the BMC said at first, and what it said at last when that was something else. */
function refusalOf(slot: Slot, url: string, reason: RedfishAnswer, last: RedfishAnswer): AppError {
  if (answerText(reason) === answerText(last)) return refused(insertOf(slot, url), reason)
  return refused(insertOf(slot, url), reason, { cause: refused('insert it in any other way', last) })
}

/** Without the path: its token is the permission to read the medium. */
function insertOf(slot: Slot, url: string): string {
  return `insert the medium into slot ${slot.id} from ${new URL(url).origin}`
}

function notInserted(slot: Slot, url: string, now: Slot | undefined): AppError {
  const state =
    now === undefined ? 'the slot is gone' : now.inserted === false ? 'it shows no medium' : 'it shows another medium'
  return new AppError('redfish-answer', `Cannot ${insertOf(slot, url)}: the BMC accepted it, but ${state}`)
}
