import type { Random } from '../../registry/faults/random.ts'
import type { DeathPlan } from './death.ts'
import type { Story } from './story.ts'

const BMCS = ['idrac9', 'idrac8', 'ilo6', 'xcc', 'supermicro-x12', 'openbmc', 'ami', 'sushy']
/** Steps of a whole job, about; a death that would come later does not come. */
const STEPS = 45

export function randomStory(random: Random): Story {
  const deaths = Array.from({ length: 1 + random.below(3) }, (_, index) =>
    randomDeath(random, index === 0 ? STEPS : 15),
  )
  const cancelAt = random.chance(0.25) ? { cancelAt: 1 + random.below(STEPS) } : {}
  const outage = random.chance(0.5)
    ? { outage: { requests: 1 + random.below(12), when: random.pick(['before', 'after'] as const) } }
    : {}
  const ends = random.chance(0.8) ? 'success' : 'failure'
  return { bmc: random.pick(BMCS), ends, deaths, takeover: random.chance(0.5), ...cancelAt, ...outage }
}

function randomDeath(random: Random, within: number): DeathPlan {
  return { step: 1 + random.below(within), when: random.pick(['before', 'after'] as const) }
}
