import { type AppError, errorText } from '../../shared/errors.ts'
import type { MediumUrl } from '../jobs/bmc-ports.ts'
import type { RedfishClient } from './client.ts'
import type { Discovery } from './discover.ts'
import type { Drive } from './drive.ts'
import type { Learning } from './learning.ts'
import { verifyMedia } from './media-trust.ts'
import { urlFor } from './medium-url.ts'
import type { Slot } from './resources.ts'

export interface HowToInsert {
  /** As `Drive.insert` has it. */
  readonly frees: boolean
  /** Told what an operator should know. */
  note(message: string): unknown
}

export type TrustedInsert = (
  slot: Slot,
  medium: MediumUrl,
  how: HowToInsert,
  signal: AbortSignal,
) => Promise<AppError | undefined>

/**
 * `Drive.insert`, with the certificate verified where a slot can be told our CA. A BMC that refuses the CA or, once it
 * verifies, the medium gets it as before; that is noted, and remembered for its kind (decision 0064).
 */
export function trustedInsert(
  client: RedfishClient,
  { root, quirks }: Discovery,
  drive: Pick<Drive, 'insert'>,
  learning: Learning,
): TrustedInsert {
  async function giveUp(slot: Slot, words: string, { note }: HowToInsert): Promise<void> {
    await learning.keep({ refusesVerify: true })
    await note(`slot ${slot.id} does not verify the certificate of media: ${words}`)
  }

  return async (slot, medium, how, signal) => {
    const url = urlFor(slot, medium, quirks)
    const { caPem } = medium
    const isWanted = caPem !== undefined && url.startsWith('https:') && learning.profile().refusesVerify !== true
    if (!isWanted) return drive.insert(slot, url, how.frees, signal)
    const verifying = await verifyMedia(client, root, slot, caPem, signal)
    if (verifying.state === 'refused') await giveUp(slot, verifying.words, how)
    const refusal = await drive.insert(slot, url, how.frees, signal)
    if (refusal === undefined || verifying.state !== 'on') return refusal
    await verifying.takeBack(signal)
    if ((await drive.insert(slot, url, how.frees, signal)) !== undefined) return refusal
    await giveUp(slot, errorText(refusal), how)
    return undefined
  }
}
