import { type LearnedProfile, type LearnedProfiles, NOTHING_LEARNED } from '../jobs/ports.ts'
import type { Discovery } from './discover.ts'

/** What is known of this kind of BMC, and where more of it is kept. */
export interface Learning {
  profile(): LearnedProfile
  keep(change: Partial<LearnedProfile>): Promise<void>
}

/** The profile of the discovered machine; without a store it is forgotten with the connection. */
export async function openLearning(store: LearnedProfiles | undefined, discovery: Discovery): Promise<Learning> {
  const { model, firmware } = kindOf(discovery)
  let known = (await store?.find(model, firmware)) ?? NOTHING_LEARNED
  return {
    profile: () => known,
    async keep(change) {
      const next = { ...known, ...change }
      if (JSON.stringify(next) === JSON.stringify(known)) return
      known = next
      await store?.save(model, firmware, next)
    },
  }
}

/** What machines have in common that behave the same. */
export function kindOf({ vendor, system, managers }: Discovery): { readonly model: string; readonly firmware: string } {
  return { model: `${vendor} ${system.model ?? ''}`.trim(), firmware: managers[0]?.firmware ?? '' }
}
