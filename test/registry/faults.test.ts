import { expect, test } from 'vitest'
import { tellStory } from './faults/story.ts'

test('4 deaths at random steps lose nothing that was acknowledged', { timeout: 60_000 }, async () => {
  const outcome = await tellStory(20_261_121, 4)
  expect(outcome.kills).toBe(4)
})
