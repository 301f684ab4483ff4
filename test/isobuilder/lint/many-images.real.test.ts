import { expect, test } from 'vitest'
import { lintIso } from '../../../src/isobuilder/lint/lint.ts'
import { file, mediumOfPlan, planOf } from '../image-bytes.ts'
import { bootImageNotices, dataImageNotices, garbageIsFound } from './changed-bytes.ts'
import { lines } from './lint-image.ts'
import { plannedBootImagesAreGood, plannedLargeFilesAreGood, plannedTreesAreGood } from './planned-trees.ts'

/** What the fast part tries a few times, many times. */

test('any byte of a data image that is changed is noticed', () => dataImageNotices(5000))

test.for(['gpt', 'none'] as const)('any byte of an image that boots is noticed too, partition table: %s', (hybrid) =>
  bootImageNotices(hybrid, 2000),
)

test('an image of random bytes ends in findings, never in an exception', () => garbageIsFound(2000))

test('every tree that can be planned has no findings', () => plannedTreesAreGood(1000))

test('every image that boots has no findings', () => plannedBootImagesAreGood(500))

test('every file above 4 GiB has no findings', () => plannedLargeFilesAreGood(500))

test('150,000 files in one directory, and as many directories as can be numbered, have no findings', async () => {
  const files = Array.from({ length: 150_000 }, (_, index) => file(`f${index}`, ''))
  const directories = Array.from({ length: 65_534 }, (_, index) => ({ path: `d${index}`, directory: true as const }))
  for (const entries of [files, directories]) {
    const plan = planOf(entries)
    expect(lines(await lintIso(mediumOfPlan(plan), plan.size, { contents: true }))).toEqual([])
  }
})
