import { type AppError, errorText } from '../../shared/errors.ts'
import type { MediumUrl } from '../jobs/bmc-ports.ts'
import type { RedfishClient } from './client.ts'
import type { Discovery } from './discover.ts'
import type { Drive } from './drive.ts'
import type { Learning } from './learning.ts'
import { type Refusal, verifyMedia } from './media-trust.ts'
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

/** A refusal of a medium that speaks of its certificate; whatever else it was refused for may pass. */
const OF_CERTIFICATE = /certificate|\b(TLS|SSL)\b|trust/i

/**
 * `Drive.insert`, with the certificate verified where a slot can be told our CA. A BMC that refuses the CA or, once it
 * verifies, the medium gets it as before; that is noted and, if it is so of every server of its kind, remembered for it
 * (decision 0065).
 */
export function trustedInsert(
  client: RedfishClient,
  { root, quirks }: Discovery,
  drive: Pick<Drive, 'insert' | 'makeRoom'>,
  learning: Learning,
): TrustedInsert {
  async function giveUp(slot: Slot, { words, isOfKind }: Refusal, { note }: HowToInsert): Promise<void> {
    if (isOfKind) await learning.keep({ refusesVerify: true })
    await note(`slot ${slot.id} does not verify the certificate of media: ${words}`)
  }

  return async (slot, medium, how, signal) => {
    const url = urlFor(slot, medium, quirks)
    const { caPem } = medium
    // One that verifies already needs the CA, whatever others of its kind have refused.
    const isAsked = slot.trust?.verifies === true || learning.profile().refusesVerify !== true
    if (caPem === undefined || !url.startsWith('https:') || !isAsked) return drive.insert(slot, url, how.frees, signal)
    const verifying = await verifyMedia(client, root, slot, caPem, signal)
    if (verifying.state === 'refused') await giveUp(slot, verifying.refusal, how)
    const refusal = await drive.insert(slot, url, how.frees, signal)
    if (refusal === undefined || verifying.state !== 'on') return refusal
    // A medium that the slot shows all the same is in the way: an iLO would keep the switch.
    const kept = await verifying.takeBack(drive.makeRoom, signal)
    if (kept !== undefined) await how.note(`slot ${slot.id} goes on verifying the certificate of media: ${kept.words}`)
    if ((await drive.insert(slot, url, how.frees, signal)) !== undefined) return refusal
    const words = errorText(refusal)
    await giveUp(slot, { words, isOfKind: OF_CERTIFICATE.test(words.replaceAll(new URL(url).origin, '')) }, how)
    return undefined
  }
}
