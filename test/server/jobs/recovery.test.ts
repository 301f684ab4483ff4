import { expect, test } from 'vitest'
import { createRandom } from '../../registry/faults/random.ts'
import { check } from '../faults/invariants.ts'
import { randomStory } from '../faults/random-story.ts'
import { tell } from '../faults/story.ts'

/** Some seconds of CPU; recovery.real.test.ts dies at every single step. */
const LONG = { timeout: 120_000 }

test.for([1, 2, 3])(
  'controllers that die at random steps lose nothing and do nothing twice (%d)',
  LONG,
  async (seed) => {
    const random = createRandom(20_261_125 + seed)
    const stories = Array.from({ length: 6 }, () => randomStory(random))
    const outcomes = await Promise.all(stories.map(tell))
    for (const [index, story] of stories.entries()) check(story, outcomes[index] as (typeof outcomes)[0])
  },
)

test('a job without deaths has the steps that the stories count on', LONG, async () => {
  const story = { bmc: 'idrac9', ends: 'success', deaths: [], takeover: false } as const
  const outcome = await tell(story)
  check(story, outcome)
  const [steps] = outcome.steps
  expect(steps?.filter((name) => name === 'save').length).toBeGreaterThan(6)
  expect(steps?.filter((name) => name.includes('InsertMedia'))).toHaveLength(2)
  expect(steps?.filter((name) => name.includes('ComputerSystem.Reset'))).toHaveLength(4)
})
