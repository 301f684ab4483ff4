import { expect, test } from 'vitest'
import { createRandom } from '../../registry/faults/random.ts'
import { check } from '../faults/invariants.ts'
import { randomStory } from '../faults/random-story.ts'
import type { Story } from '../faults/story.ts'
import { tell } from '../faults/story.ts'

const LONG = { timeout: 600_000 }
/** Each has its own server, database and controllers. */
const AT_ONCE = 8

async function tellAll(stories: readonly Story[]): Promise<void> {
  for (let index = 0; index < stories.length; index += AT_ONCE) {
    const some = stories.slice(index, index + AT_ONCE)
    const outcomes = await Promise.all(some.map(tell))
    for (const [at, story] of some.entries()) check(story, outcomes[at] as (typeof outcomes)[0])
  }
}

test.for(['idrac9', 'idrac8', 'ilo6', 'xcc', 'supermicro-x12', 'ami'])(
  '%s: a controller may die before and after every single request and every change of its store',
  LONG,
  async (bmc) => {
    const plain = { bmc, ends: 'success', deaths: [], takeover: false } as const
    const { steps } = await tell(plain)
    const all = steps[0]?.length ?? 0
    expect(all).toBeGreaterThan(15)
    const places = Array.from({ length: all }, (_, index) => index + 1)
    await tellAll(
      places.flatMap((step) => [
        { ...plain, deaths: [{ step, when: 'before' as const }] },
        { ...plain, deaths: [{ step, when: 'after' as const }], takeover: step % 2 === 0 },
      ]),
    )
  },
)

test('a job may be cancelled at every step, and the controller die soon after', LONG, async () => {
  const places = Array.from({ length: 30 }, (_, index) => index + 1)
  const plain = { bmc: 'idrac9', ends: 'success', takeover: false } as const
  await tellAll(
    places.flatMap((step) => [
      { ...plain, deaths: [], cancelAt: step },
      { ...plain, deaths: [{ step: step + 2, when: 'after' as const }], cancelAt: step },
    ]),
  )
})

test.for([1, 2, 3, 4])('story book %d: a hundred servers and several deaths each', LONG, async (seed) => {
  const random = createRandom(seed)
  await tellAll(Array.from({ length: 100 }, () => randomStory(random)))
})
