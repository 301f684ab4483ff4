import type { BmcFacts, BmcKind, LearnedProfile, LearnedProfiles } from '../jobs/bmc-ports.ts'
import { NOTHING_LEARNED } from '../jobs/bmc-ports.ts'

/** What is known of this kind of BMC, and where more of it is kept. */
export interface Learning {
  profile(): LearnedProfile
  keep(change: Partial<LearnedProfile>): Promise<void>
}

/** The profile of the machine; without a store it is forgotten with the connection. */
export async function openLearning(store: LearnedProfiles | undefined, facts: BmcFacts): Promise<Learning> {
  const { model, firmware } = kindOf(facts)
  // Those that do not tell what they are have nothing in common.
  const kept = model === '' || firmware === '' ? undefined : store
  let known = (await kept?.find(model, firmware)) ?? NOTHING_LEARNED
  return {
    profile: () => known,
    async keep(change) {
      const next = { ...known, ...change }
      if (JSON.stringify(next) === JSON.stringify(known)) return
      known = next
      await kept?.save(model, firmware, next)
    },
  }
}

/** What machines have in common that behave the same. */
export function kindOf({ vendor, model, firmware }: BmcFacts): BmcKind {
  return { model: `${vendor} ${model}`.trim(), firmware }
}
