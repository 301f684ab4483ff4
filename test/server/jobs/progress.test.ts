import { expect, test } from 'vitest'
import type { Progress } from '../../../src/server/jobs/machine.ts'
import { etaSeconds, progressAfter, rateAt } from '../../../src/server/jobs/progress.ts'
import { jobView } from '../../../src/server/routes/views.ts'
import { sampleJob } from '../support/sample-job.ts'

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
  expect(progressAfter(after([20, 20]), { ...report(60), message: 'reading back' }, at(9)).rate).toBeNull()
  expect(progressAfter(after([20, 20]), report(1), at(9)).rate).toBeNull()
  expect(progressAfter(after([20, 20]), report(40), at(2)).rate).toBe(20)
})

test('a rate fades while nothing is heard, and the estimate with it', () => {
  const progress = { ...after(Array(10).fill(20)), updatedAt: at(10) }
  expect(rateAt(progress, at(29))).toBe(progress.rate)
  expect(rateAt(progress, at(60))).toBeLessThan(1)
  const shown = (seconds: number) => jobView(sampleJob({ progress }), at(seconds)).progress
  expect(shown(20)).toMatchObject({ rate: 20, eta_seconds: 40 })
  expect(shown(40)).toMatchObject({ rate: 7, eta_seconds: 109 })
  expect(shown(310)).toMatchObject({ rate: 0, eta_seconds: null })
})

test('an event in the middle of a phase leaves its name, its rate and what is said of it then', () => {
  const counted = (bytes: number) => ({ ...report(bytes), message: 'unpacking' })
  const before = progressAfter(progressAfter(null, counted(0), at(0)), counted(20), at(1))
  const broke = { ...counted(20), message: 'the connection broke', event: true }
  const told = progressAfter(before, broke, at(2))
  expect(told).toMatchObject({ message: 'unpacking', event: 'the connection broke', bytes: 20 })
  expect(told.rate).toBeGreaterThan(15)
  const behind = progressAfter(told, counted(40), at(3))
  expect(behind).toMatchObject({ message: 'unpacking', rate: expect.closeTo(18, 0) })
  expect(behind).not.toHaveProperty('event')
})

test('nobody guesses when a step that stands still will end', () => {
  expect(etaSeconds({ bytes: 1, totalBytes: 2, rate: 0 })).toBeNull()
  expect(etaSeconds({ bytes: 1, totalBytes: null, rate: 5 })).toBeNull()
  expect(etaSeconds({ bytes: 9, totalBytes: 2, rate: 5 })).toBe(0)
})
