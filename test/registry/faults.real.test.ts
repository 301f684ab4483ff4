import { expect, test } from 'vitest'
import { tellStory } from './faults/story.ts'

test.for([1, 2, 3])(
  'story %d: 100 deaths at random steps lose nothing that was acknowledged',
  {
    timeout: 300_000,
  },
  async (seed) => {
    const outcome = await tellStory(seed, 100)
    expect(outcome.kills).toBe(100)
    // Otherwise the story did not tell what it should. How much is collected depends on when the deaths come.
    expect(outcome.collected).toBeGreaterThan(0)
  },
)
