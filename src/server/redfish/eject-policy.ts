import { isOk } from './answer.ts'
import type { RedfishClient } from './client.ts'
import type { Slot } from './resources.ts'

/** Longer than any job. */
const KEPT = { EjectPolicy: 'Timed', EjectTimeout: 'P1D' }

/**
 * A medium that goes with our session, or when the server is switched off, would be gone before it is booted. It
 * stays so for the media of others, and is noted.
 */
export async function keepInserted(
  client: RedfishClient,
  { id, resource, ejectPolicy }: Slot,
  note: (message: string) => unknown,
  signal: AbortSignal,
): Promise<void> {
  if (ejectPolicy !== 'Session' && ejectPolicy !== 'OnPowerOff') return
  // One that cannot be changed is nothing to fail for: the policy may not be heeded.
  const answer = await client.patch(resource, KEPT, signal)
  if (isOk(answer))
    await note(`slot ${id} keeps media for a day now (EjectPolicy ${KEPT.EjectPolicy}, was ${ejectPolicy})`)
}
