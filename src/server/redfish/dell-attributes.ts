import { isAppError } from '../../shared/errors.ts'
import { bmcRefusal } from '../jobs/bmc-refusal.ts'
import type { RedfishClient, Resource } from './client.ts'
import { type Discovery, ofManagers } from './discover.ts'
import { at } from './json.ts'
import { pollUntil } from './polling.ts'
import type { Timing } from './timing.ts'

/** The attributes of the iDRAC itself; `undefined` where there are none. */
export async function readDellAttributes(
  client: RedfishClient,
  discovery: Discovery,
  signal: AbortSignal,
): Promise<Resource | undefined> {
  const linked = ofManagers(discovery, 'attributes')
  if (linked !== undefined) return client.find(linked, signal)
  const { managers, quirks } = discovery
  const [manager] = managers
  if (quirks.attributesBeside === undefined || manager === undefined) return undefined
  return client.find(`${manager.path}/${quirks.attributesBeside}`, signal)
}

/** Seen to take 55 s. */
const ATTACH_SLOT_TIMES = 2

/**
 * Waits until the medium in a slot of an iDRAC is attached: from 6.00 on the slot shows it at once, and a server that starts
 * within the minute finds an empty drive (R740xd, 7.00.00.182). One that never says so is believed after some time.
 */
export async function waitUntilAttached(
  client: RedfishClient,
  discovery: Discovery,
  slotId: string,
  { pollMs, slotMs }: Timing,
  signal: AbortSignal,
): Promise<void> {
  if (discovery.quirks.attributesBeside === undefined) return
  // The medium is in: what an account may not read, or the iDRAC does not show, is nothing to fail for.
  const attributes = () =>
    readDellAttributes(client, discovery, signal).catch((error: unknown) => {
      if (signal.aborted || !isAppError(error, 'redfish-answer') || bmcRefusal(error).status === 401) throw error
      return undefined
    })
  const read = async () => at((await attributes())?.body, 'Attributes', `RFS.${slotId}.MediaAttachState`)
  const polling = { everyMs: pollMs, limitMs: ATTACH_SLOT_TIMES * slotMs }
  await pollUntil(read, (state) => state === undefined || state === 'Attached', polling, signal)
}
