import { expect, test } from 'vitest'
import type { Progress } from '../../../src/server/jobs/machine.ts'
import { etaSeconds, progressAfter } from '../../../src/server/jobs/progress.ts'

const at = (seconds: number) => new Date(seconds * 1000)
const report = (bytes: number) => ({ step: 'image-linux', bytes, total_bytes: 1000 })

/** One report each second, of a step that reads so many bytes in it. */
function after(speeds: readonly number[]): Progress {
  let bytes = 0
  let progress = progressAfter(null, report(0), at(0))
  for (const [second, speed] of speeds.entries()) {
    bytes += speed
    progress = progressAfter(progress, report(bytes), at(second + 1))
  }
  return progress
}

test('a steady step has its own speed as rate, and the time that is left', () => {
  const progress = after(Array(10).fill(20))
  expect(progress.rate).toBeCloseTo(20)
  expect(etaSeconds(progress)).toBe(40)
})

test('one slow second moves the rate little, a slow minute moves it all the way', () => {
  expect(after([...Array(10).fill(20), 0]).rate).toBeGreaterThan(17)
  expect(after([...Array(10).fill(20), ...Array(60).fill(2)]).rate).toBeLessThan(4)
})

test('a rate is of one step, and of bytes that only grow', () => {
  expect(progressAfter(after([20, 20]), { step: 'image-disk', bytes: 5 }, at(9))).toMatchObject({
    rate: null,
    step: 'image-disk',
  })
  expect(progressAfter(after([20, 20]), report(1), at(9)).rate).toBeNull()
  expect(progressAfter(after([20, 20]), report(40), at(2)).rate).toBe(20)
})

test('nobody guesses when a step that stands still will end', () => {
  expect(etaSeconds({ bytes: 1, totalBytes: 2, rate: 0 })).toBeNull()
  expect(etaSeconds({ bytes: 1, totalBytes: null, rate: 5 })).toBeNull()
  expect(etaSeconds({ bytes: 9, totalBytes: 2, rate: 5 })).toBe(0)
})
