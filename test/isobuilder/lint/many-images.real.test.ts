import { test } from 'vitest'
import { bootImageNotices, dataImageNotices, garbageIsFound } from './changed-bytes.ts'
import { plannedTreesAreGood } from './planned-trees.ts'

/** What the fast part tries a few times, many times. */

test('any byte of a data image that is changed is noticed', () => dataImageNotices(5000))

test.for(['gpt', 'none'] as const)('any byte of an image that boots is noticed too, partition table: %s', (hybrid) =>
  bootImageNotices(hybrid, 2000),
)

test('an image of random bytes ends in findings, never in an exception', () => garbageIsFound(2000))

test('every tree that can be planned has no findings', () => plannedTreesAreGood(1000))
