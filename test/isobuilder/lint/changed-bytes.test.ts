import { test } from 'vitest'
import { bootImageNotices, dataImageNotices, garbageIsFound } from './changed-bytes.ts'

/** Some of each; many are tried in many-images.real.test.ts. */

test('any byte of a data image that is changed is noticed', () => dataImageNotices(250))

test.for(['gpt', 'none'] as const)('any byte of an image that boots is noticed too, partition table: %s', (hybrid) =>
  bootImageNotices(hybrid, 100),
)

test('an image of random bytes ends in findings, never in an exception', () => garbageIsFound(50))
