import { AppError, isAppError } from '../../shared/errors.ts'
import { answerText, isOk } from './answer.ts'
import type { RedfishClient } from './client.ts'
import { type Discovery, ofManagers, readSlots } from './discover.ts'
import type { Learning } from './learning.ts'
import { hasMessage } from './messages.ts'
import { pollUntil } from './polling.ts'
import type { Slot } from './resources.ts'
import { isCd, isUsable, isUsbStick } from './slots.ts'
import type { Timing } from './timing.ts'

/** What a BMC can have at most; two would do, and other numbers are for hard disks. */
const CDS = 4
/** The BMC restarts its virtual media for it; python-redfish-lenovo waits 180 s. */
const RESTART_SLOT_TIMES = 3
/** It is busy with something, and may take it another time. */
const PASSES = /ActionInProgress$/

/** A BMC with one virtual CD that can be told to have more (AMI: ConfigureCDInstance), unless that was in vain before. */
export function canHaveMoreCds(slots: readonly Slot[], discovery: Discovery, learning: Learning): boolean {
  return (
    ofManagers(discovery, 'configureCds') !== undefined &&
    learning.profile().refusesMoreCds !== true &&
    !areEnough(slots)
  )
}

/**
 * Tells it, and waits until it shows them; gives the slots there are then. It refuses while one holds a medium. What the kind
 * was known to need with one slot is forgotten.
 */
export async function askForMoreCds(
  client: RedfishClient,
  discovery: Discovery,
  learning: Learning,
  { pollMs, slotMs }: Timing,
  note: (message: string) => unknown,
  signal: AbortSignal,
): Promise<readonly Slot[]> {
  // While virtual media restart, there may be nothing to read.
  const read = () =>
    readSlots(client, discovery, signal).catch((error: unknown) => {
      if (signal.aborted || !(isAppError(error, 'redfish-answer') || isAppError(error, 'redfish-unreachable')))
        throw error
      return []
    })
  const answer = await client.post(ofManagers(discovery, 'configureCds') ?? '', { CDInstance: CDS }, signal)
  if (!isOk(answer)) {
    await note(`the BMC does not take the order for ${CDS} virtual CDs: ${answerText(answer)}`)
    if (!hasMessage(answer.messages, PASSES)) await learning.keep({ refusesMoreCds: true })
    return read()
  }
  await note(`the BMC is told to have ${CDS} virtual CDs, so that it takes two media`)
  const slots = await pollUntil(read, areEnough, { everyMs: pollMs, limitMs: RESTART_SLOT_TIMES * slotMs }, signal)
  // It takes longer, and tells nothing of its kind.
  if (slots.length === 0)
    throw new AppError(
      'redfish-answer',
      `Cannot mount media: the BMC was told to have ${CDS} virtual CDs and shows none`,
    )
  await learning.keep(areEnough(slots) ? { bootSlot: null, taskSlot: null } : { refusesMoreCds: true })
  return slots
}

function areEnough(slots: readonly Slot[]): boolean {
  return slots.filter((slot) => isUsable(slot) && (isCd(slot) || isUsbStick(slot))).length > 1
}
